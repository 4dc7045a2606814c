node_name File.read("/etc/hostname").chomp
environment IO.readlines("/etc/chef/environment").first.strip if File.exist?("/etc/chef/environment")
cookbook_path File.readlines("/etc/hostname").map { |line| "/srv/#{line.strip}" }
