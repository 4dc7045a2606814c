cookbook_path ["/srv/a" "/srv/b"]
