log_level(:info)
cookbook_path(
  "/srv/cookbooks"
)
file_cache_path ("/var/cache/chef")
