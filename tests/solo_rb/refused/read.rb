node_name File.read("/etc/hostname").strip
