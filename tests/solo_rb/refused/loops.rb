while true
  log_level :info
end
log_level :loud
