root = `pwd`
role_path root + "/roles"
file_cache_path root
if root == "/"
  flavour "x"
end
note flavour
log_level 5
