environment ENV['CHEF_ENV'] == "staging" ? "staging" : "production"
log_level ENV.key?("DEBUG") ? :debug : :info
