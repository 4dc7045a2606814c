environment ENV.fetch("CHEF_ENV", "production")
node_name ENV.fetch('NAME', 'web1')
role_path ENV.fetch("ROLES") { |name| "/srv/#{name.downcase}" }
