log_level :info; node_name "a"; environment "prod"
