level = if ENV["CI"]
          :debug
        else
          :warn
        end
log_level level
