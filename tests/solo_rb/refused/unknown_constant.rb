role_path ROOT
