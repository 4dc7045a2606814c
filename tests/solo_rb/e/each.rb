cookbook_path []
%w(a b).each do |name|
  cookbook_path << "/srv/#{name}"
end
