# disk.sh ROOT AGENT IMAGE - makes a disk of a root, with the agent that runs the lab's commands.
# Runs in a mount namespace of its own, so that its mounts end with it whatever happens.
set -eu
root=$1 agent=$2 image=$3
work=$(mktemp -d)
trap 'umount -l "$work/root" "$work" 2>/dev/null || :; rmdir "$work"' EXIT
mount -t tmpfs lab "$work"
mkdir "$work/upper" "$work/overlay" "$work/root"
mount -t overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/overlay" lab "$work/root"
new="$work/root"
install -D -m 755 "$agent" "$new/usr/local/sbin/lab-agent"
cat >"$new/etc/systemd/system/lab-agent.service" <<'UNIT'
[Unit]
BindsTo=dev-virtio\x2dports-lab.device
After=dev-virtio\x2dports-lab.device sysinit.target dbus.service
[Service]
ExecStart=/bin/sh /usr/local/sbin/lab-agent
UNIT
mkdir -p "$new/etc/systemd/system/multi-user.target.wants"
ln -s ../lab-agent.service "$new/etc/systemd/system/multi-user.target.wants/lab-agent.service"
size=$(($(du -sm "$root" | cut -f1) * 3 / 2 + 256))
mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$new" "$image" "${size}M"
# What was put in has no label yet.
if [ -e "$root/etc/selinux/config" ]; then
    printf 'ea_set %s security.selinux system_u:object_r:%s:s0\n' / root_t /usr/local/sbin/lab-agent bin_t \
        /etc/systemd/system/lab-agent.service systemd_unit_t | debugfs -w -f - "$image" >/dev/null 2>&1
fi
