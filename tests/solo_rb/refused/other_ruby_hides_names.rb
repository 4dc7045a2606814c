require_relative "names"
role_path ROLES
cookbook_path Names.cookbooks
log_level :loud
