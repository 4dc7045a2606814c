line = "-" * 3
note line + ">"
