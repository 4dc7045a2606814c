require "chef/handler/json_file"
report_handlers << Chef::Handler::JsonFile.new(:path => "/var/log")
log_level :info
