ssl_verify_mode OpenSSL::SSL::VERIFY_PEER
log_location STDERR
