lazy -> { 1 }
other lambda { 2 }
