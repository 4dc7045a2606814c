cookbook_path File.expand_path("cookbooks")
