Ohai.logger = Logger.new("/var/log/ohai.log")
log_level :info
