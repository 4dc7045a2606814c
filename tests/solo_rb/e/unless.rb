unless ENV["CI"]
  color true
else
  color false
end
