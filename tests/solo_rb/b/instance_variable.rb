@root = "/srv/chef"
environment_path "#{@root}/environments"
