log_level = :info
log_level :debug
environment = "prod"
environment "staging"
role_path "/srv/#{environment}"
