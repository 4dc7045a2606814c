case_of = ENV['CHEF_ENV']
if case_of == "production"
  log_level :warn
elsif case_of == 'staging'
  log_level :info
else
  log_level :debug
end
