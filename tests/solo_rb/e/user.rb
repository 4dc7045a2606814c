require 'fileutils'
base = Process.euid == 0 ? "/var/chef" : File.join(ENV["HOME"], ".chef")
FileUtils.mkdir_p(base)
FileUtils.mkdir_p "#{base}/cache" unless File.directory?("#{base}/cache")
file_cache_path "#{base}/cache"
