cookbook_path "/srv/a
log_level :info
