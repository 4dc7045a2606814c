require 'socket'
node_name Socket.gethostname.split('.')[0]
