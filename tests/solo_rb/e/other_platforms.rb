file_cache_path(Gem.win_platform? ? "C:/chef" : "/var/chef")
role_path "/srv/roles" unless ChefConfig.windows? || RUBY_PLATFORM.include?("mingw")
