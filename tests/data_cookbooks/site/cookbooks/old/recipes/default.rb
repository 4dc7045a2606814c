package 'x'
