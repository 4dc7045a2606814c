cookbook_path File.join(Dir.pwd, "cookbooks")
role_path "#{Dir.getwd}/roles"
