role_path "/srv/" + 5
note 5 / 0
