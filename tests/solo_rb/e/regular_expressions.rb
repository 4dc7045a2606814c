if RUBY_PLATFORM =~ /mswin|mingw|windows/
  file_cache_path "C:/chef"
else
  file_cache_path "/var/chef"
end
case RbConfig::CONFIG["host_os"]
when /darwin/i then environment "mac"
when /Linux/i, /bsd/ then environment "unix"
end
node_name "Web_1.example.org"[/^[^.]+/].downcase.gsub(/[^a-z0-9]/, "-")
role_path "/srv/Roles".sub(%r{/(\w+)$}, '/the/\1')
cookbook_path "/a:/b;/c".split(/[:;]/)
log_level :debug if "x1" !~ /\d/
json_attribs "web-7.json"[/web-(\d+)/, 1] + ".json" if "web-7".match?(/\A web - \d+ \z/x)
user_valid_regex [/^[a-z]+$/]
