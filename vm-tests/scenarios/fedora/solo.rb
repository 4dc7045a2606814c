cookbook_path "/etc/brasa/cookbooks"
log_level :warn
