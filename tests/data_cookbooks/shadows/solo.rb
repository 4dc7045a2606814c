cookbook_path ["cookbooks", "site-cookbooks", "nowhere"]
