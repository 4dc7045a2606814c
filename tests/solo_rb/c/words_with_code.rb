root = "/srv"
cookbook_path %W{#{root}/a #{root}/b}
kinds %i[a b]
