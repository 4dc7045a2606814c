begin
  require "local_config"
rescue
  log_level :info
end
begin
  require "local_config"
rescue LoadError
  raise "install it"
end
