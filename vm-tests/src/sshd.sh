# sshd.sh WORK ROOT PORT SHARE - machines that are reached by SSH, one after the other: a root of their own and a real sshd.
# A machine comes up when SHARE/host_key and SHARE/authorized_keys are there, and goes when SHARE/host_key goes. SHARE/up says
# that it is up. All of it ends with standard input, which is a pipe from the test.
set -eu
work=$1 root=$2 port=$3 share=$4
cat <&0 >/dev/null & watch=$!
alive() { kill -0 "$watch" 2>/dev/null; }
while alive; do
    if [ ! -e "$share/host_key" ] || [ ! -e "$share/authorized_keys" ]; then sleep 0.05; continue; fi
    mount -t tmpfs -o mode=755 lab "$work"
    mkdir "$work/upper" "$work/work" "$work/root"
    mount -t overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/work" lab "$work/root"
    new=$work/root
    for device in null zero urandom; do
        [ -c "$new/dev/$device" ] || { rm -f "$new/dev/$device"; cp -a "/dev/$device" "$new/dev/$device"; }
    done
    mount -t proc proc "$new/proc"
    # There is no boot, so cloud-init is never done: what it would do is done here.
    rm -f "$new/usr/bin/cloud-init" "$new"/etc/ssh/ssh_host_*
    install -m 600 "$share/host_key" "$new/etc/ssh/ssh_host_ed25519_key"
    # Who logs in: root, or the user that is named, who may become root where SHARE/sudoers says so.
    home=/root
    if [ -e "$share/user" ]; then
        user=$(cat "$share/user") home=/home/$(cat "$share/user")
        chroot "$new" useradd --create-home --password '*' --shell /bin/sh "$user"
        [ ! -e "$share/sudoers" ] || install -m 440 "$share/sudoers" "$new/etc/sudoers.d/lab"
    fi
    install -D -m 600 "$share/authorized_keys" "$new$home/.ssh/authorized_keys"
    [ "$home" = /root ] || chroot "$new" chown -R "$user:" "$home"
    mkdir -p "$new/run/sshd"
    printf '%s\n' "Port $port" 'ListenAddress 127.0.0.1' 'UsePAM no' 'PermitRootLogin prohibit-password' \
        'HostKey /etc/ssh/ssh_host_ed25519_key' >"$new/etc/ssh/sshd_config"
    chroot "$new" /usr/sbin/sshd -D -e 2>>"$share/log" & sshd=$!
    while kill -0 "$sshd" 2>/dev/null && ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.05; done
    echo "$sshd" >"$share/up"
    while alive && [ -e "$share/host_key" ] && kill -0 "$sshd" 2>/dev/null; do sleep 0.05; done
    for child in $sshd $(cat "/proc/$sshd/task/$sshd/children" 2>/dev/null); do kill -KILL "$child" 2>/dev/null || :; done
    wait "$sshd" || :
    umount -l "$new/proc" "$new" "$work"
    rm -f "$share/up"
done
