cookbook_path File.expand_path("../cookbooks", __FILE__)
role_path File.expand_path("../../srv/roles", __FILE__)
