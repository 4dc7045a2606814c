$root = "/srv"
cookbook_path $root + "/cookbooks"
role_path "#{$root}/roles"
$LOAD_PATH.unshift "/srv/lib"
