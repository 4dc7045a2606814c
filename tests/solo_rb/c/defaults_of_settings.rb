verbose log_level
note "#{config_dir}/x"
