cookbook_path ["/a", 5, :b]
role_path "/a", nil
paths = ["/a", ""]
data_bag_path paths
rubygems_url [1]
log_location [STDOUT, 3]
environment_path ["/a"]
environment_path << 7
