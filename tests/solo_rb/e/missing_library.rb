begin
  require "local_config"
  node_name Local.name
rescue LoadError => error
  puts "without: #{error.message}"
  environment "staging"
ensure
  log_level :info
end
begin
  require "json"
  role_path "/srv/roles"
rescue LoadError
  role_path "/none"
end
