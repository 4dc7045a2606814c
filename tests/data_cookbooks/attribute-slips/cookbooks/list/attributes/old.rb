default['x'] = 1
