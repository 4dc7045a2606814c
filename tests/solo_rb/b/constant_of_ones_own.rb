ROOT = "/srv/chef"
role_path "#{ROOT}/roles"
