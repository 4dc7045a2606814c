# Settings of one machine.
file_cache_path "/tmp/chef-solo"
cookbook_path ["/var/chef-solo/site-cookbooks", "/var/chef-solo/cookbooks"]
log_level :info
log_location STDOUT
ssl_verify_mode :verify_none
