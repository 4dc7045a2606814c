cookbook_path "/a
role_path "/b"
log_level :info
