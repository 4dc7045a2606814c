node_name File.basename("/nodes/web1.json", ".json")
role_path File.dirname("/srv/chef/roles/base.json")
kind File.extname("base.json")
