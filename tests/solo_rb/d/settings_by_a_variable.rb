config = Chef::Config
config[:cookbook_path] = "/srv/cookbooks"
config.environment = "staging"
config.role_path "/srv/roles"
config[:cookbook_path] << "/more" if config.key?(:nothing)
Chef::Config.tap { |c| c[:node_name] = "web1" }
