node_name "dk" if defined?(ChefDK)
environment(defined?(Chef::Config) ? "staging" : "none")
root = "/srv"
role_path root + "/roles" if defined? root
