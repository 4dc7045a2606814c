if RUBY_PLATFORM =~ /mswin|mingw/
  log_level :info
end
role_path "/a".sub(/a/, "b")
