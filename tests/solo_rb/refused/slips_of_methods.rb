role_path File.joinn("/a", "b")
cookbook_path File.symlink?("/a")
note "x".sub_path("b")
note ["x"].frist
note ["x"].first(2)
note Dir.home("deploy")
note ENV.to_h
note Float("1.5")
note rolepath
note @nope + $nope
note "a" "b"
