options({ "a" => 1, :b => [true, nil] })
more retries: 3, "wait for": 0.5
