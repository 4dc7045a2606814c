paths = []
paths << "/srv/a"
paths += ["/srv/b"]
paths.unshift("/srv/first")
cookbook_path paths
