paths = ["/srv/a", "/srv/b"]
cookbook_path paths[0]
role_path paths [-1]
data_bag_path paths.last
