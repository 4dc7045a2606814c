chef_repo_path "/srv/chef"
cookbook_path "#{chef_repo_path}/cookbooks"
role_path File.join(chef_repo_path, "roles")
