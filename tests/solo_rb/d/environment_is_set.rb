ENV["STAGE"] = "blue"
node_name "web-#{ENV['STAGE']}"
