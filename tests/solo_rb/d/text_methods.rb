node_name "  WEB1.example.org\n".strip.downcase.split(".").first
environment "prod_eu".gsub("_", "-").chomp("-eu")
note ["a", "b"].join(":")
