//! What only a kernel of one's own lets be done: swap in use, modules, settings, file systems by their label.

use lab::{KERNEL, Result, Vm, converge, plan, prepare_site, settle};

const KINDS: &str = "
- {type: swap_file, name: /srv/swap, size: 16, persist: true}
- {type: sysctl, name: vm.swappiness, value: 7}
- {type: kernel_module, name: zram, options: [num_devices=2]}
- {type: mount, name: /srv/data, device: LABEL=lab-data, fstype: ext4, options: [noatime], action: [enable, mount]}
";

#[test]
fn a_kernel_of_its_own_is_brought_to_what_is_declared() -> Result<()> {
    let vm = Vm::of(lab::root(KERNEL)?).brasa()?.start()?;
    prepare_site(&vm);
    vm.sh("mkdir -p /srv/data && truncate -s 8M /srv/disk && mkfs.ext4 -q -L lab-data /srv/disk && modprobe loop && \
         losetup /dev/loop0 /srv/disk && udevadm trigger --action=add /dev/loop0 && udevadm settle")
        .success();
    let swaps = || vm.read("/proc/swaps");
    let modules = || vm.sh("grep -c '^zram ' /proc/modules; ls -d /sys/block/zram* 2>/dev/null | wc -l").stdout;
    let mounted = || vm.sh("findmnt -n -o SOURCE,FSTYPE,OPTIONS /srv/data").stdout;
    let before = (swaps(), modules(), mounted());

    let planned = plan(&vm, KINDS).stdout;
    for word in ["swapon -- /srv/swap", "modprobe -- zram", "mount -t ext4"] {
        assert!(planned.contains(word), "{word}: {planned}");
    }
    assert_eq!(before, (swaps(), modules(), mounted()), "a plan changes nothing");

    settle(&vm, KINDS);
    assert!(swaps().contains("/srv/swap"), "{}", swaps());
    assert_eq!(vm.read("/proc/sys/vm/swappiness").trim(), "7");
    assert_eq!(modules(), "1\n2\n", "loaded once, with its options");
    assert!(mounted().starts_with("/dev/loop0 ext4 ") && mounted().contains("noatime"), "{}", mounted());
    assert!(vm.read("/etc/fstab").contains("LABEL=lab-data /srv/data ext4 noatime "), "{}", vm.read("/etc/fstab"));
    let told = vm.run(["brasa", "resource", "swap_file"]).success().stdout;
    assert!(told.contains("name: /srv/swap\n    action: create\n"), "{told}");

    // What is in use is found before anything is done; to be kept out at the next boot it need not be unloaded.
    let of_loop = |action: &str| format!("\n- {{type: kernel_module, name: loop, action: {action}}}\n");
    let refused = converge(&vm, &of_loop("unload")).exits(1);
    assert!(refused.stderr.contains("cannot unload a module: `loop` is in use\n"), "{refused}");
    assert!(refused.stderr.contains("nothing was changed"), "{refused}");
    let told = converge(&vm, &of_loop("blacklist")).exits(2);
    let warning = "`loop` is in use: it stays loaded until the next boot";
    assert!(format!("{}{}", told.stdout, told.stderr).contains(warning), "{told}");
    settle(&vm, &of_loop("uninstall"));

    // Drift of each, and all of it as it would be after a boot.
    vm.sh("swapoff /srv/swap && rmmod zram && umount /srv/data && sysctl -q vm.swappiness=60").success();
    let repaired = converge(&vm, KINDS).exits(2);
    assert!(swaps().contains("/srv/swap") && mounted().starts_with("/dev/loop0"), "{repaired}");
    assert_eq!((modules().as_str(), vm.read("/proc/sys/vm/swappiness").trim()), ("1\n2\n", "7"));
    converge(&vm, KINDS).success();

    // By its UUID, it is the same file system: nothing is mounted again.
    let uuid = vm.run(["blkid", "-s", "UUID", "-o", "value", "/dev/loop0"]).success().stdout;
    let same = KINDS.replace("LABEL=lab-data", &format!("UUID={}", uuid.trim()));
    let renamed = converge(&vm, &same);
    assert!(!renamed.stdout.contains("run mount"), "{renamed}");
    converge(&vm, &same).success();

    settle(
        &vm,
        "
- {type: swap_file, name: /srv/swap, action: remove}
- {type: kernel_module, name: zram, action: uninstall}
- {type: mount, name: /srv/data, action: [umount, disable]}
",
    );
    assert!(!swaps().contains("/srv/swap"), "{}", swaps());
    assert_eq!((modules().as_str(), mounted().as_str()), ("0\n0\n", ""));
    vm.sh("! test -e /srv/swap && ! grep -E 'swap|srv' /etc/fstab").success();

    // What is in use and mounted comes back, and goes again; a module stays as the run left it.
    vm.run(["brasa", "undo", "last"]).success();
    assert!(swaps().contains("/srv/swap"), "{}", swaps());
    assert!(mounted().starts_with("/dev/loop0 ext4 ") && mounted().contains("noatime"), "{}", mounted());
    vm.sh("grep /srv/swap /etc/fstab && grep lab-data /etc/fstab").success();
    vm.run(["brasa", "undo", "last"]).success();
    assert!(!swaps().contains("/srv/swap"), "{}", swaps());
    assert_eq!(mounted(), "");
    vm.sh("! test -e /srv/swap && ! grep -E 'swap|srv' /etc/fstab").success();
    // A file that is mounted by a loop device, which comes and goes with it.
    let file = "- {type: mount, name: /srv/data, device: /srv/disk, fstype: ext4, options: [loop], action: ACTION}\n";
    vm.sh("losetup -d /dev/loop0").success();
    settle(&vm, &file.replace("ACTION", "mount"));
    let there = mounted();
    settle(&vm, &file.replace("ACTION", "umount"));
    vm.run(["brasa", "undo", "last"]).success();
    assert!(there.starts_with("/dev/loop"), "{there}");
    assert_eq!(mounted(), there);
    vm.run(["brasa", "undo", "last"]).success();
    assert_eq!(mounted(), "");
    Ok(())
}
