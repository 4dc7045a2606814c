file_cache_path "cache"
cache_path "~/x"
