if ENV["HOME"]
  if ENV["CI"]
    log_level :debug
  else
    %w[a b].each { |n| role_path "/srv/#{n}" if n == "b" }
    log_level :warn unless ENV["LOUD"]
  end
end
