base = "/opt/chef"
file_cache_path "#{base}/cache"
cookbook_path ["#{base}/cookbooks", "#{base}/site-#{"cook" + 'books'}"]
