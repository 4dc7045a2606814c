paths = ["/srv/cookbooks", "/gone"].select { |path| File.directory?(path) }
cookbook_path paths
role_path ["/srv/roles", nil].compact.map(&:to_s)
