use super::{
    ByPreset, Create, Delete, Disable, Enable, Mask, Nothing, Reenable, Restart, Revert, Start, Stop, SystemdUnit,
    TryRestart, Unmask,
};
use crate::{
    host::{Active, Enabled, Fake, Init},
    resource::{Described as _, Resource as _},
    resources::trial::{done, faults, faults_of, refused},
};

const PATH: &str = "/etc/systemd/system/ddns.service";

fn ddns() -> SystemdUnit {
    SystemdUnit::named("ddns.service").content("[Install]\nWantedBy=multi-user.target\n")
}

fn machine() -> Fake {
    Fake::new().with_directory("/etc/systemd/system")
}

#[test]
fn the_file_is_written_and_the_unit_can_then_be_enabled_and_started() {
    let mut machine = machine();
    let write = "write /etc/systemd/system/ddns.service \"[Install]\\nWantedBy=multi-user.target\\n\" \
                 0644 root:root backup 5";
    assert_eq!(done(&ddns(), Nothing, &mut machine), Vec::<String>::new());
    assert_eq!(done(&ddns(), Create, &mut machine), [write]);
    assert_eq!(done(&ddns(), Enable, &mut machine), ["enable ddns.service"]);
    assert_eq!(done(&ddns(), TryRestart, &mut machine), Vec::<String>::new());
    assert_eq!(done(&ddns(), Start, &mut machine), ["start ddns.service"]);
    assert_eq!(done(&ddns(), Restart, &mut machine), ["restart ddns.service"]);
    assert_eq!(done(&ddns(), TryRestart, &mut machine), ["restart ddns.service"]);
    assert_eq!(done(&ddns(), Stop, &mut machine), ["stop ddns.service"]);
    assert_eq!(done(&ddns(), Disable, &mut machine), ["disable ddns.service"]);
    let remove = format!("remove {PATH} backup 5");
    assert_eq!(done(&ddns(), Delete, &mut machine), [remove]);
    assert_eq!(
        refused(&ddns(), Start, &mut machine),
        "unit `ddns.service` does not exist: the init system knows no such unit, so there is nothing to start"
    );
}

#[test]
fn a_unit_without_an_installation_section_is_created_all_the_same() {
    let plain = SystemdUnit::named("ddns.service").content("[Service]\nExecStart=/bin/true\n");
    assert_eq!(done(&plain, Create, &mut machine()).len(), 1);
}

#[test]
fn it_is_enabled_anew_as_often_as_that_is_asked() {
    let mut machine = machine();
    done(&ddns(), Create, &mut machine);
    assert_eq!(done(&ddns(), Reenable, &mut machine), ["enable ddns.service"]);
    assert_eq!(done(&ddns(), Reenable, &mut machine), ["disable ddns.service", "enable ddns.service"]);
    let plain = SystemdUnit::named("plain.service").content("[Service]\nExecStart=/bin/true\n");
    done(&plain, Create, &mut machine);
    assert_eq!(done(&plain, Reenable, &mut machine), [""; 0]);
}

#[test]
fn a_list_is_of_the_files_of_the_administrator() {
    let machine = machine()
        .with_file("/etc/systemd/system/a.timer", "[Timer]\n")
        .with_file("/etc/systemd/system/b.service.d/x.conf", "[Service]\n")
        .with_file("/etc/systemd/system/b.service.d/notes", "")
        .with_link("/etc/systemd/system/c.service", "/lib/systemd/system/d.service")
        .with_directory("/etc/systemd/system/multi-user.target.wants");
    assert_eq!(SystemdUnit::all(&machine).unwrap().unwrap(), ["a.timer", "b.service.d/x.conf"]);
}

#[test]
fn a_mask_hides_the_file_and_is_taken_away() {
    let mut machine = machine().with_service("ddns.service", Enabled::No, Active::No);
    assert_eq!(done(&ddns(), Mask, &mut machine), ["mask ddns.service"]);
    assert_eq!(done(&ddns(), Unmask, &mut machine), ["unmask ddns.service"]);
    let mut linked = self::machine().with_link(PATH, "/dev/null");
    assert_eq!(
        refused(&ddns(), Create, &mut linked),
        "unit `ddns.service` is masked, so there is no file to be changed\n\
         hint: put the action `unmask` in front"
    );
}

#[test]
fn the_file_can_be_judged_under_its_own_name() {
    let shown = done(&ddns().verify(true), Create, &mut machine()).remove(0);
    assert!(
        shown.ends_with(
            " verify command -v systemd-analyze >/dev/null || exit 0; umask 022; d=$(mktemp -d) || exit 1; \
         cp %{path} \"$d/ddns.service\" && said=$(systemd-analyze verify --man=no \"$d/ddns.service\" 2>&1); \
         code=$?; rm -rf \"$d\"; echo \"$said\" >&2; case $said in *\"$d/\"*) exit 1;; esac; exit $code"
        ),
        "{shown}"
    );
}

#[test]
fn a_drop_in_is_put_beside_the_unit_and_judged_with_it() {
    let mut machine = machine();
    let limits = || SystemdUnit::named("getty@tty1.service").drop_in("limits.conf").content("[Service]\n");
    assert_eq!(
        done(&limits(), Create, &mut machine),
        [
            "mkdir /etc/systemd/system/getty@tty1.service.d 0755 root:root",
            "write /etc/systemd/system/getty@tty1.service.d/limits.conf \"[Service]\\n\" 0644 root:root backup 5",
        ]
    );
    let other = SystemdUnit::named("getty@tty1.service.d/other.conf").content("[Unit]\n").verify(true);
    let judged = done(&other, Create, &mut machine).remove(0);
    let expected = " verify command -v systemd-analyze >/dev/null || exit 0; umask 022; d=$(mktemp -d) || exit 1; \
         for place in /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system \
         /lib/systemd/system; do for unit in \"getty@tty1.service\" \"getty@.service\"; do \
         [ -f \"$d/getty@tty1.service\" ] || [ ! -f \"$place/$unit\" ] || cp \"$place/$unit\" \"$d/getty@tty1.service\"; \
         done; done; [ -f \"$d/getty@tty1.service\" ] || { rm -rf \"$d\"; exit 0; }; \
         mkdir \"$d/getty@tty1.service.d\" && cp %{path} \"$d/getty@tty1.service.d/other.conf\" && \
         said=$(systemd-analyze verify --man=no \"$d/getty@tty1.service\" 2>&1); code=$?; rm -rf \"$d\"; \
         echo \"$said\" >&2; case $said in *\"$d/\"*) exit 1;; esac; exit $code";
    assert!(judged.ends_with(expected), "{judged}");
    let remove = |name: &str| format!("remove /etc/systemd/system/getty@tty1.service.d{name}");
    assert_eq!(done(&limits(), Delete, &mut machine), [remove("/limits.conf backup 5")]);
    assert_eq!(done(&other, Delete, &mut machine), [remove("/other.conf backup 5"), remove(" backup 0")]);
    assert_eq!(done(&other, Delete, &mut machine), [""; 0]);
    let nowhere = refused(&limits(), Create, &mut Fake::new());
    assert!(nowhere.starts_with("directory `/etc/systemd/system` does not exist"), "{nowhere}");
}

#[test]
fn a_drop_in_has_a_name_of_its_own() {
    let nginx = || SystemdUnit::named("nginx.service");
    assert_eq!(nginx().drop_in("a.conf").name(), "nginx.service.d/a.conf");
    assert_eq!(SystemdUnit::named("limits").unit_name("nginx.service").drop_in("a.conf").name(), "limits");
    for good in [nginx().drop_in("a.conf"), SystemdUnit::named("nginx.service.d/a.conf").triggers_reload(true)] {
        assert_eq!(faults(&good), [""; 0]);
    }
    assert_eq!(
        faults(&nginx().drop_in("limits")),
        ["`limits` is no drop-in: systemd reads only what ends in `.conf`\n\
          hint: name it as `limits.conf`: letters, digits and `:-_.@`"]
    );
    assert_eq!(faults(&nginx().drop_in("../a.conf")).len(), 1);
    assert_eq!(
        faults(&nginx().triggers_reload(false)),
        ["systemd reads changed unit files again in any case, once for all of them\n\
          hint: leave `triggers_reload` out"]
    );
}

#[test]
fn a_preset_enables_or_disables() {
    let mut machine = machine()
        .with_service("ddns.service", Enabled::No, Active::No)
        .with_service("other.service", Enabled::Yes, Active::Yes)
        .with_file("/usr/lib/systemd/system-preset/90.preset", "enable ddns.*\nignore third.*\ndisable *\n");
    assert_eq!(done(&ddns(), ByPreset, &mut machine), ["enable ddns.service"]);
    assert_eq!(done(&SystemdUnit::named("other.service"), ByPreset, &mut machine), ["disable other.service"]);
    assert_eq!(done(&SystemdUnit::named("third.service"), ByPreset, &mut machine), [""; 0]);
    assert_eq!(
        refused(&ddns(), ByPreset, &mut machine.with_init(Init::OpenRc)),
        "unit `ddns.service` has no preset: this is no systemd\nhint: say `enable` or `disable`"
    );
}

#[test]
fn a_unit_is_as_its_package_brought_it() {
    let of_package = || machine().with_file("/usr/lib/systemd/system/ddns.service", "[Service]\n");
    let drop_in = "/etc/systemd/system/ddns.service.d/limits.conf";
    let mut changed = of_package().with_file(PATH, "[Unit]\n").with_file(drop_in, "[Unit]\n");
    let directory = "remove /etc/systemd/system/ddns.service.d recursive backup 0".to_owned();
    assert_eq!(done(&ddns(), Revert, &mut changed), [format!("remove {PATH} backup 5"), directory.clone()]);
    assert_eq!(done(&ddns(), Revert, &mut of_package()), [""; 0]);
    let mut masked = of_package().with_link(PATH, "/dev/null");
    assert_eq!(done(&ddns(), Revert, &mut masked), [format!("remove {PATH} backup 0")]);
    // What only the administrator has is no change of anything.
    let mut own = machine().with_file(PATH, "[Unit]\n").with_file(drop_in, "[Unit]\n");
    assert_eq!(done(&ddns(), Revert, &mut own), [directory]);
    assert_eq!(
        faults_of(&ddns().drop_in("a.conf"), Revert),
        ["`revert` is of a whole unit, with all its drop-ins\n\
          hint: leave `drop_in` out, or remove this one alone with `delete`"]
    );
}

#[test]
fn bad_declarations() {
    assert_eq!(
        faults(&SystemdUnit::named("ddns")),
        ["unit `ddns` does not say its type\nhint: end the name with it, as in `ddns.service`"]
    );
    assert_eq!(faults(&SystemdUnit::named("a/b/c.service")).len(), 1);
    assert_eq!(
        faults_of(&SystemdUnit::with_name("ddns.timer"), Create),
        ["it has no content\nhint: say with `content` what the file is to say"]
    );
    assert_eq!(faults_of(&SystemdUnit::with_name("ddns.timer"), Start), [""; 0]);
    assert_eq!(faults_of(&SystemdUnit::with_name("ddns@.service"), Enable), [""; 0]);
    assert_eq!(
        faults_of(&SystemdUnit::with_name("ddns@.service"), Start),
        ["`ddns@.service` is a template, of which only instances run\nhint: name one, as in `ddns@NAME.service`"]
    );
}

#[test]
fn a_unit_that_goes_while_it_is_in_use_is_told() {
    let mut machine = machine();
    let told = |machine: &Fake| {
        let notes = ddns().notes_for(Delete, machine).unwrap();
        notes.into_iter().map(|(_, sentence)| sentence).collect::<Vec<_>>()
    };
    assert_eq!(told(&machine), [""; 0]);
    done(&ddns(), Create, &mut machine);
    assert_eq!(told(&machine), [""; 0]);
    done(&ddns(), Enable, &mut machine);
    done(&ddns(), Start, &mut machine);
    assert_eq!(told(&machine), ["unit `ddns.service` is still enabled and running: use `[stop, disable, delete]`"]);
    done(&ddns(), Disable, &mut machine);
    assert_eq!(told(&machine), ["unit `ddns.service` is still running: use `[stop, disable, delete]`"]);
    assert_eq!(ddns().notes_for(Create, &machine).unwrap(), []);
    done(&ddns(), Stop, &mut machine);
    assert_eq!(told(&machine), [""; 0]);
}
