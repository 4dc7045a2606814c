# hold.sh DIRECTORY COMMAND... - runs a server in a directory of its own for as long as stdin stays open: that is a pipe from the test,
# so that the server ends and its directory goes with the test, even if that is killed. One that ends by itself leaves a file `ended`.
directory=$1; shift
mkdir -p "$directory" && cd "$directory" || exit 1
exec 3<&0
"$@" </dev/null >log 2>&1 3<&- &
server=$!
{ cat <&3 >/dev/null; [ -e ended ] || kill -9 "$server"; } &
wait "$server" 2>/dev/null
: >ended
wait
cd / && rm -rf "$directory"
