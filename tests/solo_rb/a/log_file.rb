log_location "/var/log/chef/solo.log"
pid_file '/run/chef.pid'
