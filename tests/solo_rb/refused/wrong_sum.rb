role_path "/srv/" + 5
note 5 / 0
cookbook_path ["/a"] * 2
environment "a" - "b"
