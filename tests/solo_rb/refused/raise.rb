raise "set CHEF_ENV" unless ENV["CHEF_ENVIRONMENT"]
