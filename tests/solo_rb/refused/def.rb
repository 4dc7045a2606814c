def root
  if true
    "/srv"
  end
end
log_level
