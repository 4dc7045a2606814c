ohai.disabled_plugins = [:Passwd, :Sessions]
ohai.plugin_path << "/etc/chef/ohai"
