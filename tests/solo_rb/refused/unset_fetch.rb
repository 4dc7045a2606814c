node_name ENV.fetch("NOT_SET")
