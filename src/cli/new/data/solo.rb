# Read from the cookbook's own directory, as test/run does.
cookbook_path ".."
