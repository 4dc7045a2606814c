node_name File.read("/etc/nothing").strip
note open("/etc/hostname").read
note File.open("/etc/hostname", &:readline)
