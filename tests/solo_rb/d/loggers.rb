Chef::Log.level = :info
Chef::Log::Formatter.show_time = true
Mixlib::Log::Formatter.show_time = false
$stdout.sync = true
Encoding.default_external = Encoding::UTF_8
log_level :info
