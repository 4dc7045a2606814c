facts = Ohai::System.new
node_name facts[:fqdn]
node_name Mixlib::ShellOut.new("hostname").run_command.stdout.strip
note Struct.new(:a)
note RUBY_VERSION
note JSON.parse(File.read("/etc/hostname"))
note Socket.gethostbyname("x")
note Etc.getpwuid.dir
note Facter.value("fqdn")
note format("%s", 1)
note Time.now
Chef::Application.fatal!("no")
note "new" if Gem::Version.new(RUBY_VERSION) > Gem::Version.new("2.0")
eval "x"
Chef::Config.instance_eval { node_name "x" }
return
