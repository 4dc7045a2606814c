cache_path = "/var/cache/chef"
file_cache_path cache_path
