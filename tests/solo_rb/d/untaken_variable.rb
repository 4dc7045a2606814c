roles = "/a" if ENV["NOT_SET"]
if File.exist?("/nowhere")
  secret = "/nowhere"
end
role_path roles || "/srv/roles"
encrypted_data_bag_secret secret unless secret.nil?
