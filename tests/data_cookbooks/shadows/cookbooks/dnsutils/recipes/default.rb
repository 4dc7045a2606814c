package 'dnsutils'
