cookbook_path File.join(__dir__, 'cookbooks')
