log_level :info
role_path "/srv/roles"
