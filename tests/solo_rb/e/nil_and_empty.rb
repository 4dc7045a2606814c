node_name "web1" if ENV["NAME"].nil? || ENV["NAME"].empty?
environment "prod" if environment.nil?
cookbook_path "/srv/c" if [].empty? && !"x".empty?
