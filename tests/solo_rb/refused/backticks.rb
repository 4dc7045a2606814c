node_name `hostname`.strip
