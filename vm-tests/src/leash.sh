# leash.sh DIRECTORY ROOT SPACE [ARG...] - holds one container for as long as stdin stays open.
# Runs in a mount namespace of its own, so that its mounts end with it whatever happens; stdin is a pipe from the test,
# so that the container ends with the test even if that is killed.
set -eu
directory=$1 root=$2 space=$3; shift 3
mkdir -p /run/systemd/nspawn
mount -t tmpfs lab /run/systemd/nspawn          # its locks and sockets are not for the host to keep
# a disk that is itself an overlay, as in many containers, cannot take the changes
if [ "$space" = disk ] && [ "$(stat -f -c %T "$directory")" = overlayfs ]; then space=size=90%; fi
if [ "$space" != disk ]; then mount -t tmpfs -o "mode=755,$space" lab "$directory"; fi
mkdir "$directory/upper" "$directory/work" "$directory/root"
mount -t overlay -o "lowerdir=$root,upperdir=$directory/upper,workdir=$directory/work" lab "$directory/root"
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1       # newer systemd refuses a host's cgroup v1
cat <&0 >/dev/null & watch=$!
while :; do
    systemd-nspawn -D "$directory/root" "$@" </dev/null & nspawn=$!
    ended=0
    wait -n || ended=$?                          # the test let go, or the container ended by itself
    [ "$ended" = 133 ] || break                  # it is rebooted: nspawn leaves that to whoever started it
done
# nspawn's children are the container's first process, which takes all others with it
for child in $(cat "/proc/$nspawn/task/$nspawn/children" 2>/dev/null); do kill -KILL "$child" || :; done
{ kill -KILL "$watch" && wait "$watch"; } 2>/dev/null || :
wait || :
umount -l "$directory/root"
if [ "$space" != disk ]; then umount -l "$directory"; fi
rm -rf --one-file-system -- "$directory"
