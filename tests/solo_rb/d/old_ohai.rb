require "ohai"
Ohai::Config[:plugin_path] << "/etc/ohai/plugins"
Ohai::Config[:disabled_plugins] = %w[passwd]
Ohai.config[:log_level] = :warn
