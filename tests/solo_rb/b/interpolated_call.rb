cookbook_path "#{File.dirname(__FILE__)}/cookbooks"
