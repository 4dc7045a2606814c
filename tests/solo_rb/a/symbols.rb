log_level :"debug"
mode :'two words'
check :ready?
