Chef::Config[:cookbook_path] = ["/srv/cookbooks"]
Chef::Config.log_level = :debug
Chef::Config.role_path "/srv/roles"
environment_path Chef::Config[:role_path].sub("roles", "environments")
