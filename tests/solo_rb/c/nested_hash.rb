settings = { :proxy => { :host => "p.example", :port => 3128 } }
http_proxy "http://#{settings[:proxy][:host]}:#{settings[:proxy][:port]}"
