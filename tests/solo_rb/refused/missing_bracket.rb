cookbook_path ["/srv/a",
  "/srv/b"
log_level :info
why_run "yes"
