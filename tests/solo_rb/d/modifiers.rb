http_proxy ENV['PROXY'] if ENV['PROXY']
environment "production" unless ENV['CHEF_ENV']
environment ENV['CHEF_ENV'] if ENV['CHEF_ENV'] && !ENV['CHEF_ENV'].empty?
