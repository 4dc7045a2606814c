require 'rubygems'
require "fileutils"
require 'chef/handler/json_file'
puts "reading #{__FILE__}"
p :here
log_level :info
