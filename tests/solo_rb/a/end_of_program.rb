log_level :info
__END__
everything (here is [data
