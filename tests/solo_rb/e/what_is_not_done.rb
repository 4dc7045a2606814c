File.write("/var/chef/started", "x")
Dir.mkdir("/var/chef") unless Dir.exist?("/var/chef")
$VERBOSE = nil
log_level :debug if $DEBUG
role_path "/srv/roles"
