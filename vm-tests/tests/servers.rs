//! `brasa server` from end to end: a virtual machine that cloud-init sets up, made, converged, destroyed and made again.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use lab::Result;

/// Ends what the provider left running when the test ends, however that comes about: its input is a pipe from the test.
const GUARD: &str =
    r#"cat >/dev/null; for id in $(cat "$1"/*/vm.pid 2>/dev/null); do kill -KILL "$id"; done; rm -rf -- "$2""#;

struct Site {
    directory: PathBuf,
    guard: Child,
}

impl Site {
    fn new() -> Result<Self> {
        lab::require_root("starting a virtual machine")?;
        let tools = [("qemu-system-x86_64", "qemu-system-x86"), ("mke2fs", "e2fsprogs"), ("ssh", "openssh-client")];
        lab::need(&tools)?;
        let directory = lab::target_directory()?.join("lab").join(format!("virtual-{}", std::process::id()));
        fs::create_dir_all(directory.join("servers")).unwrap();
        fs::create_dir_all(directory.join("cookbooks/site/recipes")).unwrap();
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(directory.join("state")).arg(&directory).stdin(Stdio::piped());
        let guard = guard.spawn().unwrap();
        let site = Self { directory, guard };
        site.write("dna.json", "{\"run_list\": [\"site\"]}\n");
        site.write("solo.rb", "cookbook_path '/var/cookbooks'\n");
        site.write("cookbooks/site/metadata.json", "{\"name\": \"site\", \"version\": \"1.0.0\"}\n");
        site.write(
            "cookbooks/site/recipes/default.yml",
            "resources:\n- {type: file, name: /srv/made, content: done}\n",
        );
        Ok(site)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.directory.join(path), text).unwrap();
    }

    /// Runs `brasa server`; what it wrote to both streams.
    #[track_caller]
    fn server(&self, words: &[&str], code: i32) -> (String, String) {
        let mut command = Command::new(lab::binary().unwrap());
        let (verb, rest) = words.split_first().expect("a command has a name");
        command.args(["server", verb, "--state", "state"]).args(rest).current_dir(&self.directory).stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, errors) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "--- stdout\n{out}--- stderr\n{errors}");
        (out, errors)
    }

    fn known_host(&self) -> String {
        fs::read_to_string(self.directory.join("state/web/known_hosts")).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
    }
}

fn describe(root: &Path, more: &str) -> String {
    // A host that is itself a guest may have /dev/kvm and be slower by it than without.
    let accelerator = std::env::var("BRASA_VM_ACCEL").unwrap_or_else(|_| "tcg,thread=multi".to_owned());
    format!(
        "fqdn = \"web.example.test\"\ndna = \"../dna.json\"\nsolo = \"../solo.rb\"\n[files]\n\"/var/cookbooks\" = \"../cookbooks\"\n\
         [local]\nimage = \"{}\"\naccelerator = \"{accelerator}\"\n\
         kernel_options = \"root=/dev/vda rw console=ttyS0 quiet fsck.mode=skip mitigations=off net.ifnames=0 {MASKED}\"\n{more}",
        root.display()
    )
}

/// What of a Debian takes seconds when it is emulated, and is not what is tested.
const MASKED: &str = "systemd.mask=e2scrub_reap.service systemd.mask=apt-daily.timer systemd.mask=apt-daily-upgrade.timer \
                      systemd.mask=systemd-journal-flush.service";

#[test]
fn a_virtual_machine_is_made_converged_destroyed_and_made_again_at_another_address() -> Result<()> {
    let site = Site::new()?;
    let root = lab::root(lab::CLOUD)?;
    site.write("servers/web.toml", &describe(root.path(), ""));
    let (report, said) = site.server(&["create", "web"], 0);
    lab::announce(&format!("the first server:\n{said}"));
    assert!(report.contains("1 changed"), "{report}");
    for phase in ["made (", "SSH answers (", "ready (", "uploaded (", "host key replaced (", "converged at 10.0.2.15 ("]
    {
        assert!(said.contains(phase), "`{phase}` is not in\n{said}");
    }
    assert!(!said.contains("cloud-init ended with errors"), "{said}");
    let (shown, _) =
        site.server(&["ssh", "web", "--", "hostname -f; cat /srv/made; ip -4 -o address show scope global"], 0);
    assert!(shown.starts_with("web.example.test\ndone") && shown.contains(" 10.0.2.15/24 "), "{shown}");
    let (unchanged, _) = site.server(&["converge", "web", "--detailed-exitcode"], 0);
    assert!(unchanged.contains("0 changed"), "{unchanged}");
    site.server(&["create", "web"], 73);
    let first = site.known_host();

    let (listed, _) = site.server(&["list"], 0);
    assert!(listed.contains("running") && listed.contains("10.0.2.15"), "{listed}");
    site.server(&["destroy", "web", "--yes"], 0);
    let (listed, _) = site.server(&["list"], 0);
    assert!(listed.contains("absent"), "{listed}");
    assert!(!site.directory.join("state/web").exists(), "disk and record are gone");

    let (_, said) = site.server(&["create", "web"], 0);
    lab::announce(&format!("the second server:\n{said}"));
    assert!(said.contains("converged at 10.0.2.16 ("), "{said}");
    assert_ne!(site.known_host(), first, "another server has another host key, and nobody was asked about it");
    let (shown, _) = site.server(&["ssh", "web", "--", "ip -4 -o address show scope global"], 0);
    assert!(shown.contains(" 10.0.2.16/24 "), "{shown}");
    site.server(&["destroy", "web", "--yes"], 0);
    Ok(())
}
