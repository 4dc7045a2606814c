environment case ENV["CHEF_ENV"]
            when "production", "live" then "production"
            when "staging"
              "test"
            else "development"
            end
