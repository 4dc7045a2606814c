base = "/var/chef"
cookbook_path [File.join(base, "cookbooks"), File.join(base, "/site-cookbooks/")]
data_bag_path File.join(base, "data", "bags")
