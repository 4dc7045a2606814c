cookbook_path "/srv/a", "/srv/b"
role_path "/srv/r1",
          "/srv/r2"
