cookbook_path ["/srv/a"]
cookbook_path << "/srv/b" << "/srv/c"
