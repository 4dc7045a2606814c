path = File.join "/srv", "roles"
role_path path
