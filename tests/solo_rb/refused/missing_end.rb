if true
  log_level :info
