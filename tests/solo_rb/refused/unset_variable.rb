file_cache_path ENV["NOT_SET"] + "/cache"
