cookbook_path ["/a"].tap { |paths| paths << "/b" }
role_path [].tap do |paths|
  paths << "/roles" if File.directory?("/srv")
end
