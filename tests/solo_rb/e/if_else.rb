if File.exist?("/etc/chef/encrypted_data_bag_secret")
  encrypted_data_bag_secret "/etc/chef/encrypted_data_bag_secret"
else
  encrypted_data_bag_secret "/root/secret"
end
if File.exists?("/nowhere") then role_path "/nowhere" end
