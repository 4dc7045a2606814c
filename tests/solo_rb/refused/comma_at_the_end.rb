cookbook_path ["/a", "/b"],
log_level :loud
