ours = ["/srv/a"]
cookbook_path ours + ["/srv/b", "/srv/c"]
