cookbook_path ['/a, '/b']
role_path '/c
data_bag_path ['/b', '/c']
node_name "a
b" + 5
log_level 'x
