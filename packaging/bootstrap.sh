#!/bin/sh
# bootstrap.sh [-s SHA256] [-u URL] [-p PROGRAM] [-l LOG] [-- ARGUMENT...]
#
# Puts brasa in place and converges this machine. It needs a POSIX shell and nothing that is not in every base system, works in the
# bare environment that cloud-init gives, and may be run again at any time: what is in place already is left alone.
#
#   -s SHA256    what the program must be; one that is there and differs is replaced
#   -u URL       where to fetch it from (curl, wget or python3)
#   -p PROGRAM   where it lies [/usr/local/bin/brasa]
#   -l LOG       what is printed is appended here too [/var/log/brasa-bootstrap.log]
#   ARGUMENT     handed to `brasa converge`; without any, /etc/brasa/{solo.rb,dna.json} are taken, else those of /etc/chef
#
# Exit codes: those of `brasa converge`; 69 it could not be fetched; 65 it is not the program it must be, or does not run here.
set -eu
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=${HOME:-/root}
export PATH HOME
umask 077
sha='' url='' program=/usr/local/bin/brasa log=/var/log/brasa-bootstrap.log new=''

fail() { code=$1; shift; echo "bootstrap: $*" >&2; exit "$code"; }
has() { command -v "$1" >/dev/null 2>&1; }

while getopts s:u:p:l: option; do
    case $option in
    s) sha=$OPTARG ;;
    u) url=$OPTARG ;;
    p) program=$OPTARG ;;
    l) log=$OPTARG ;;
    *) exit 64 ;;
    esac
done
shift $((OPTIND - 1))

# Without a hash, what is there is taken as it is: root alone can have put it there.
right() { [ -f "$1" ] && { [ -z "$sha" ] || echo "$sha  $1" | sha256sum -c - >/dev/null 2>&1; }; }

fetch() {
    if has curl; then curl -fsSL --connect-timeout 30 --speed-limit 1 --speed-time 60 --retry 5 --retry-delay 2 -o "$2" "$1"
    elif has wget; then wget -q -T 60 -O "$2" "$1"
    elif has python3; then
        python3 -c 'import socket, sys, urllib.request as u
socket.setdefaulttimeout(60)
u.urlretrieve(sys.argv[1], sys.argv[2])' "$1" "$2"
    else fail 69 "there is none of curl, wget and python3 to fetch $1 with"; fi
}

install_program() {
    [ -n "$url" ] || fail 65 "$program is not there, or has not the SHA-256 $sha, and no -u says where to fetch it"
    [ -n "$sha" ] || fail 64 "-u wants -s: what is fetched is run as root"
    mkdir -p "$(dirname "$program")"
    new=$(mktemp "$program.XXXXXX")
    trap 'rm -f "$new"' EXIT
    trap 'exit 143' TERM
    trap 'exit 130' INT
    echo "bootstrap: fetching $url" >&2
    fetch "$url" "$new" || fail 69 "$url cannot be fetched"
    right "$new" || fail 65 "what $url gave has not the SHA-256 $sha: it is not put in place"
    chmod 755 "$new"
    mv -f "$new" "$program"
}

right "$program" || install_program
"$program" --version >/dev/null 2>&1 || fail 65 "$program does not run on this machine ($(uname -sm))"

# A log that cannot be written is no reason to lose the exit code.
(: >>"$log") 2>/dev/null || log=/dev/null
# POSIX has no pipefail: the exit code goes past both tees by a descriptor of its own, and what is printed stays on its own stream.
exec 4>&1
code=$({
    {
        { code=0; "$program" converge "$@" 2>&1 1>&5 3>&- 4>&- 5>&- || code=$?; echo "$code" >&3; } | tee -a "$log" >&2 || :
    } 5>&1 | tee -a "$log" >&4 || :
} 3>&1)
exit "$code"
