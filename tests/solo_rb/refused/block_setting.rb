chef_zero do
  enabled true
end
log_level :lound
