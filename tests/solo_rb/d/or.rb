node_name ENV['NODE_NAME'] || ENV['CHEF_ENV'] || "web1"
root = nil
root ||= "/srv"
role_path root + "/roles"
