banner <<~TEXT
  Hello #{ENV["CHEF_ENV"]}
    and more
TEXT
raw <<-'RAW'
  no #{code}\n
  RAW
log_level :info
