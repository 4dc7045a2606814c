root = "/srv"
role_path rooot
log_level info
