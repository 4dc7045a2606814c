cookbook_path ["cookbooks"]
