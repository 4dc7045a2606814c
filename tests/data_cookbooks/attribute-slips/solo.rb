cookbook_path "cookbooks"
