cookbook_path "/srv" +
  "/cookbooks"
role_path "/srv/roles/" \
  .chomp("/")
