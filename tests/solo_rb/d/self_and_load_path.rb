$LOAD_PATH.unshift(File.dirname(__FILE__))
$: << "/srv/lib"
self.log_level = :info
