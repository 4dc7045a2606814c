=begin
log_level :debug
=end
log_level :warn # quiet
#log_level :error
