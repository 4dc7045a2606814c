node_name 42.to_s
environment :prod.to_s
note nil.to_s
user_id "u" + Process.euid.to_s
