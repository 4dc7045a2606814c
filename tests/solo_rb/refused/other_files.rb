load "/etc/chef/more.rb"
require_relative "more"
require "my_company/settings"
Chef::Config.from_file("x.rb")
