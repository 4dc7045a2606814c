name = ENV["NAME"]&.strip || "web1"
node_name name
  .upcase
  .downcase
