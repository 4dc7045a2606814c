cookbook_path Dir.glob("/srv/*/cookbooks")
role_path Dir["/srv/*"]
