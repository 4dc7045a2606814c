require 'tmpdir'
file_cache_path File.join(Dir.tmpdir, "chef")
