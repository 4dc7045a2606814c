begin
  require "rubygems"
  log_level :info
rescue LoadError => error
  raise "no gems: #{error}"
end
