role_path "#{chef_repo_path}/roles"
