case
when ENV["NOT_SET"], node_name.nil? then node_name "web1"
else node_name "web2"
end
