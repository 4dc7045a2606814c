run_lock_timeout 1_200
umask 0022
limit -5
part 0.25
hex 0xff
large 1e3
