file_cache_path File.expand_path("~/.chef/cache")
