system "mkdir -p /var/chef"
