environment ENV['CHEF_ENV']
file_cache_path "#{ENV["HOME"]}/cache"
node_name ENV['NOT_SET']
