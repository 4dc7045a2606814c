log_level :debug if ENV["HOME"] and not ENV["CI"]
color false if ENV["CI"] or ENV["HOME"] == "/root"
