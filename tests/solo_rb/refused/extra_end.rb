log_level :info
end
