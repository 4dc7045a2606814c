node_name "a1"[/a(?=1)/]
role_path "/a".sub(/(a)\1/, "b")
part = "x"
environment "x" if "x" =~ /#{part}/
log_level "debug".to_sym if $1
