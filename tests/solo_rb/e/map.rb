root = "/srv"
cookbook_path %w[a b].map { |name| File.join(root, name) }
role_path ["x", "y"].map do |name|
  "/roles/#{name}"
end
