log_level :info
role_path "/srv/roles"
log_level :debug
