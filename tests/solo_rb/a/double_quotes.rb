note "tab\there, quote\" and é \u00fc \x41"
