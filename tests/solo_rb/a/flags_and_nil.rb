why_run false
color true
environment nil
