//! Machines over SSH: a real sshd, a provider that is a user's program, and all that can go wrong between them.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    fs,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lab::{CLOUD, Container, Result, SshMachine};

/// A provider in sh: its one server is what stands in its directory. It gives the machine the host key and the login key that it
/// was told, as cloud-init would; files in the directory make it misbehave.
const PROVIDER: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
request=$(cat)
text() { printf '%s' "$request" | sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p"; }
action=$(text action)
echo "$action" >>asked
case $action$request in
create*) ;;
*'"zone":"b"'*) [ ! -e "b-$action" ] || { cat "b-$action"; exit 0; }; echo '{"machine":null,"machines":[]}'; exit 0 ;;
esac
[ ! -e "answer-$action" ] || { cat "answer-$action"; exit 0; }
machine() {
    if [ -e id ]; then cat id; else printf null; fi
}
case $action in
create)
    # The machine before this one may still be on its way out.
    [ -e machine/host_key ] || while [ -e machine/up ]; do sleep 0.05; done
    text token >>tokens; echo >>tokens
    [ ! -e mute ] || { rm mute; echo '{"error":{"kind":"unavailable","message":"no answer"}}'; exit 0; }
    [ ! -e stall ] || { touch stalled; while [ -e stall ]; do sleep 0.05; done; exit 1; }
    key=$(printf '%s' "$request" | sed -n 's/.*ed25519_private\\": \\"\([^"]*\)\\".*/\1/p')
    printf '{"id":"m-%s","name":"%s","token":"%s","state":"running","addresses":["192.0.2.%s"],"ssh":{"host":"127.0.0.1","port":%s}}' \
        "$(text token)" "$(text name)" "$(text token)" "$(cat number)" "$(cat port)" >id
    echo $(($(cat number) + 1)) >number
    { cat forced 2>/dev/null; text authorized_key; } >machine/authorized_keys
    if [ -e other_key ]; then cp other_key machine/host_key.new
    else printf '%b' "$(printf '%b' "$key")" >machine/host_key.new; echo >>machine/host_key.new; fi
    mv machine/host_key.new machine/host_key
    [ ! -e answer-find.later ] || mv answer-find.later answer-find
    [ ! -e stall_after ] || { touch stalled; while [ -e stall_after ]; do sleep 0.05; done; exit 1; } ;;
find|list|look)
    # One that was just made is not shown at once.
    if [ -e hide ] && [ "$(cat hide)" -gt 0 ]; then
        echo $(($(cat hide) - 1)) >hide.new; mv hide.new hide; echo '{"machine":null,"machines":[]}'; exit 0
    fi ;;
esac
case $action in
create)
    [ ! -e late ] || { mv late hide; echo '{"error":{"kind":"unavailable","message":"no answer"}}'; exit 0; }
    printf '{"machine":%s}\n' "$(machine)" ;;
find|list) if [ -e id ]; then printf '{"machines":[%s]}\n' "$(machine)"; else echo '{"machines":[]}'; fi ;;
look) if grep -qs "\"id\":\"$(text id)\"" id; then printf '{"machine":%s}\n' "$(machine)"; else echo '{"machine":null}'; fi ;;
destroy) [ ! -e broken ] || exit 1; text id >>destroyed; echo >>destroyed; rm -f id machine/host_key; echo '{}' ;;
esac
"#;

/// A place with a description, a provider, and a machine that comes when the provider is asked for one.
struct Site {
    directory: PathBuf,
    machine: SshMachine,
}

#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not in\n{}", self.stderr);
        }
        self
    }
}

impl Site {
    fn new(test: &str) -> Result<Self> {
        let directory = lab::target_directory()?.join("lab").join(format!("servers-{test}-{}", std::process::id()));
        drop(fs::remove_dir_all(&directory));
        for part in ["servers", "cloud/machine", "home"] {
            fs::create_dir_all(directory.join(part)).unwrap();
        }
        let machine = SshMachine::at(&directory.join("cloud/machine"))?;
        let site = Self { directory, machine };
        site.write("cloud/provider", PROVIDER);
        fs::set_permissions(site.path("cloud/provider"), fs::Permissions::from_mode(0o755)).unwrap();
        site.write("cloud/port", &site.machine.port().to_string());
        site.write("cloud/number", "7");
        site.write("tsig", "canary-of-a-key\n");
        site.describe("");
        site.order("- {type: file, name: /srv/converged, content: done}\n");
        Ok(site)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Describes `web`, with more lines before the tables.
    fn describe(&self, more: &str) {
        let description = format!(
            "provider = \"exec\"\nfqdn = \"web.example.test\"\ndna = \"../dna.json\"\nsolo = \"../solo.rb\"\nready_within = 20\n{more}\n\
             [files]\n\"/var/cookbooks\" = \"../cookbooks\"\n[keys]\n\"/etc/dyndns_keys/tsig\" = \"../tsig\"\n\
             [exec]\ncommand = \"../cloud/provider\"\n"
        );
        self.write("servers/web.toml", &description);
        self.write("solo.rb", "cookbook_path '/var/cookbooks'\n");
        self.write("dna.json", "{\"run_list\": [\"site\"]}\n");
        self.write("cookbooks/site/metadata.json", "{\"name\": \"site\", \"version\": \"1.0.0\"}");
    }

    fn order(&self, resources: &str) {
        self.write("cookbooks/site/recipes/default.yml", &format!("resources:\n{resources}"));
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(lab::binary().unwrap());
        command.args(words).current_dir(&self.directory).env_remove("SSH_AUTH_SOCK").env_remove("XDG_RUNTIME_DIR");
        command.env("HOME", self.path("home")).env("XDG_STATE_HOME", self.path("state"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        let output = self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn server(&self, words: &[&str]) -> Ran {
        self.run(&[&["server"], words].concat())
    }

    fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("cloud/asked")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn record(&self) -> PathBuf {
        self.path("state/brasa/servers/web")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // A virtual machine of a test that failed.
        if let Ok(process) = fs::read_to_string(self.record().join("vm.pid")) {
            drop(Command::new("kill").arg(process.trim()).status());
        }
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// Waits for a file that another process makes.
#[track_caller]
fn await_file(path: &Path) {
    let until = Instant::now() + Duration::from_secs(60);
    while !path.exists() {
        assert!(Instant::now() < until, "`{}` does not come", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_server_is_made_converged_destroyed_and_made_again_without_a_question_about_its_key() -> Result<()> {
    let site = Site::new("story")?;
    let first = site.server(&["create", "web"]).exits(0);
    let first =
        first.says(&["web: made (", "web: SSH answers (", "web: host key replaced (", "converged at 192.0.2.7"]);
    assert!(first.stdout.contains("1 changed"), "the report of the run there is ours: {}", first.stdout);
    let machine = &site.machine;
    assert_eq!(machine.text("/srv/converged").as_deref(), Some("done"));
    assert_eq!(machine.text("/etc/dyndns_keys/tsig").as_deref(), Some("canary-of-a-key\n"));
    assert_eq!((mode(&machine.path("/etc/dyndns_keys")), mode(&machine.path("/etc/dyndns_keys/tsig"))), (0o700, 0o600));
    assert_eq!(
        (mode(&machine.path("/etc/brasa/dna.json")), mode(&machine.path("/usr/local/bin/brasa"))),
        (0o600, 0o755)
    );
    assert!(machine.text("/var/log/brasa-bootstrap.log").unwrap().contains("1 changed"));
    let leftovers = fs::read_dir(machine.path("/etc/brasa")).unwrap().count();
    assert_eq!(leftovers, 2, "no temporary file stays");
    // The key that came by user-data is none any more, and the new one is known.
    let given = fs::read_to_string(site.path("cloud/machine/host_key")).unwrap();
    assert_ne!(machine.text("/etc/ssh/ssh_host_ed25519_key").unwrap(), given);
    let public = machine.text("/etc/ssh/ssh_host_ed25519_key.pub").unwrap();
    let known = fs::read_to_string(site.record().join("known_hosts")).unwrap();
    assert_eq!(known.trim(), format!("web.example.test {}", public.trim()));
    assert!(!site.path("home/.ssh").exists(), "the user's own known hosts are left alone");
    assert_eq!(mode(&site.record()), 0o700);

    let again = site.server(&["create", "web"]).exits(73);
    again.says(&["the server `web` exists already", "192.0.2.7", "brasa server converge web"]);
    let listed = site.server(&["list", "--format", "json"]).exits(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed["servers"][0]["state"], "running");
    assert_eq!(listed["servers"][0]["address"], "192.0.2.7");
    let said = site.server(&["ssh", "web", "--", "cat", "/srv/converged"]).exits(0);
    assert_eq!(said.stdout, "done");
    site.server(&["ssh", "web", "--", "exit 7"]).exits(7);

    let unchanged = site.server(&["converge", "web", "--detailed-exitcode"]).exits(0);
    assert!(unchanged.stdout.contains("0 changed"), "{}", unchanged.stdout);
    assert!(!unchanged.stderr.contains("uploading the program"), "it is there already: {}", unchanged.stderr);
    site.order("- {type: file, name: /srv/converged, content: more}\n");
    site.server(&["converge", "web", "--detailed-exitcode"]).exits(2);
    let report = site.server(&["converge", "web", "--format", "json"]).exits(0);
    let report: serde_json::Value = serde_json::from_str(&report.stdout).expect("a document alone");
    assert_eq!((&report["exit_code"], &report["server"]["phase"]), (&0.into(), &"converged".into()));

    // What was converged is not half made, whatever its provider says of it later.
    let running = fs::read_to_string(site.path("cloud/id")).unwrap();
    let failed = running.replace(r#""state":"running""#, r#""state":"failed","reason":"a disk is full""#);
    site.write("cloud/id", &failed);
    site.server(&["create", "web"]).exits(73).says(&["exists already", "at 192.0.2.7, failed"]);
    site.server(&["converge", "web"]).exits(73).says(&["is failed: a disk is full", "brasa server destroy web"]);
    assert!(!site.path("cloud/destroyed").exists() && site.record().exists(), "it is left alone");
    site.write("cloud/id", &running);

    site.server(&["destroy", "web"]).exits(64).says(&["nobody is here to answer", "--yes"]);
    site.server(&["destroy", "web", "--yes"]).exits(0).says(&["destroyed and forgotten"]);
    site.machine.gone();
    assert!(!site.record().exists());
    site.server(&["ssh", "web"]).exits(65).says(&["there is no record of a server `web`"]);
    site.server(&["create", "web"]).exits(0).says(&["converged at 192.0.2.8"]);
    site.server(&["destroy", "web", "--yes"]).exits(0);
    site.server(&["destroy", "web", "--yes"]).exits(0).says(&["there is none"]);
    Ok(())
}

#[test]
fn a_create_that_is_killed_is_gone_on_with() -> Result<()> {
    let site = Site::new("killed")?;
    // Before the provider has made anything.
    site.write("cloud/stall", "");
    let mut create = site.command(&["server", "create", "web"]).spawn().unwrap();
    await_file(&site.path("cloud/stalled"));
    kill(&mut create);
    fs::remove_file(site.path("cloud/stall")).unwrap();
    fs::remove_file(site.path("cloud/stalled")).unwrap();
    assert!(site.record().join("server.json").exists(), "it is recorded before it is made");

    // After it was made, before its id was told: the token tells that it is the one.
    site.write("cloud/stall_after", "");
    let mut create = site.command(&["server", "create", "web"]).spawn().unwrap();
    await_file(&site.path("cloud/stalled"));
    kill(&mut create);
    fs::remove_file(site.path("cloud/stall_after")).unwrap();
    site.machine.up();
    let made = site.asked().iter().filter(|action| *action == "create").count();

    // While it converges.
    site.order(
        "- {type: file, name: /srv/first, content: x}\n\
         - {type: execute, name: slow, command: touch /srv/begun; while test ! -e /srv/go; do sleep 0.05; done}\n",
    );
    let shown = fs::File::create(site.path("shown")).unwrap();
    let mut create = site.command(&["server", "create", "web"]).stdout(shown).spawn().unwrap();
    await_file(&site.machine.path("/srv/begun"));
    // What was done is shown while the rest is still being done.
    let until = Instant::now() + Duration::from_secs(60);
    let shown = || fs::read_to_string(site.path("shown")).unwrap();
    while !shown().contains("file[/srv/first]") {
        assert!(Instant::now() < until, "{}", shown());
        std::thread::sleep(Duration::from_millis(20));
    }
    kill(&mut create);
    fs::write(site.machine.path("/srv/go"), "").unwrap();
    site.order("- {type: file, name: /srv/converged, content: done}\n");
    site.server(&["create", "web"]).exits(0).says(&["going on with `m-", "converged at 192.0.2.7"]);
    assert_eq!(
        site.asked().iter().filter(|action| *action == "create").count(),
        made,
        "there was one server all along"
    );
    assert_eq!(site.machine.text("/srv/converged").as_deref(), Some("done"));

    // A server that went away behind our back, and one that nobody recorded.
    fs::remove_file(site.path("cloud/id")).unwrap();
    fs::remove_file(site.path("cloud/machine/host_key")).unwrap();
    site.machine.gone();
    site.server(&["converge", "web"]).exits(69).says(&["the server `web` is gone"]);
    site.server(&["create", "web"]).exits(0).says(&["is gone; it is made anew", "converged at 192.0.2.8"]);
    fs::remove_dir_all(site.record()).unwrap();
    site.server(&["create", "web"]).exits(73).says(&["has a server `web` already that is not recorded here"]);
    site.server(&["destroy", "web", "--yes"]).exits(0).says(&["destroyed and forgotten"]);
    site.machine.gone();
    Ok(())
}

#[test]
fn wrong_keys_failed_runs_and_broken_servers_are_told_apart() -> Result<()> {
    let site = Site::new("wrong")?;
    let keygen = |path: &Path| {
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status().unwrap();
        assert!(made.success());
    };
    site.describe("ready_within = 2");
    let twice = site.server(&["create", "web"]).exits(65);
    twice.says(&["servers/web.toml:6:1", "`ready_within` is given twice"]);

    let short = |site: &Site| {
        site.describe("");
        let text = fs::read_to_string(site.path("servers/web.toml")).unwrap();
        site.write("servers/web.toml", &text.replace("ready_within = 20", "ready_within = 2"));
    };
    short(&site);
    keygen(&site.path("cloud/other_key"));
    let other = site.server(&["create", "web"]).exits(77);
    other.says(&["`web` shows another host key than it must have", "nothing was sent to it"]);
    assert!(site.machine.text("/etc/brasa/dna.json").is_none() && site.machine.text("/etc/dyndns_keys/tsig").is_none());
    site.server(&["list"]).exits(0);
    site.server(&["destroy", "web", "--yes"]).exits(0);
    site.machine.gone();
    fs::remove_file(site.path("cloud/other_key")).unwrap();

    // It lets somebody else in.
    keygen(&site.path("home/id"));
    site.server(&["create", "web"]).exits(0);
    fs::copy(site.path("home/id.pub"), site.machine.path("/root/.ssh/authorized_keys")).unwrap();
    let close = |site: &Site| {
        // The shared connection would go on without a look at any key.
        let socket = fs::read_dir(site.record()).unwrap().find_map(|entry| {
            let path = entry.unwrap().path();
            path.file_name().unwrap().to_string_lossy().starts_with("ssh-").then_some(path)
        });
        let control = format!("ControlPath={}", socket.expect("one connection is shared").display());
        Command::new("ssh").args(["-o", &control, "-O", "exit", "x"]).output().unwrap();
    };
    close(&site);
    site.server(&["converge", "web"]).exits(77).says(&["`web` does not let us in", "Permission denied"]);
    site.server(&["destroy", "web", "--yes"]).exits(0);
    site.machine.gone();

    // Nobody answers.
    site.write("cloud/port", "1");
    let silent = site.server(&["create", "web"]).exits(69);
    silent.says(&["did not answer by SSH within 2 s", "Connection refused", "goes on waiting"]);
    site.server(&["destroy", "web", "--yes"]).exits(0);
    site.machine.gone();
    site.write("cloud/port", &site.machine.port().to_string());

    // The run there fails: its exit code is ours, and the next create goes on.
    site.describe("");
    site.order("- {type: execute, name: fails, command: exit 3}\n");
    let failed = site.server(&["create", "web"]).exits(1);
    failed.says(&["web: the run there ended with 1", "brasa server converge web"]);
    site.order("- {type: no_such_kind, name: x}\n");
    site.server(&["create", "web"]).exits(65).says(&["going on with"]);
    site.order("- {type: file, name: /srv/converged, content: done}\n");
    site.server(&["create", "web"]).exits(0);

    // A directory that cannot be packed whole: here by a tar that says so, since root may read everything.
    let tar = "#!/bin/sh\n/usr/bin/tar \"$@\"\necho 'tar: ./x: Cannot open: Permission denied' >&2\nexit 2\n";
    site.write("bin/tar", tar);
    fs::set_permissions(site.path("bin/tar"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", site.path("bin").display(), std::env::var("PATH").unwrap());
    let packed =
        site.command(&["server", "converge", "web"]).env("PATH", path).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&packed.stderr);
    assert!(said.contains("putting `/var/cookbooks` there failed (2): tar: ./x: Cannot open"), "{said}");
    assert_eq!(packed.status.code(), Some(1));

    // A program that does not run there.
    site.write("not-a-program", "#!/no/such/interpreter\n");
    site.describe("binary = \"../not-a-program\"");
    site.server(&["converge", "web"]).exits(65);
    site.describe("binary = \"../missing\"");
    site.server(&["converge", "web"]).exits(65).says(&["missing` does not exist"]);
    site.server(&["destroy", "web", "--yes"]).exits(0);
    site.machine.gone();

    // The provider's own trouble.
    site.describe("");
    let broken = "{\"machine\":{\"id\":\"m-1\",\"name\":\"web\",\"state\":\"failed\",\"reason\":\"no host has room\"}}";
    site.write("cloud/answer-create", broken);
    site.write("cloud/answer-look", broken);
    site.write("cloud/asked", "");
    // It cannot be destroyed either, so it is waited for until somebody stops us; a stop is told and leaves the record.
    let mut create = site.command(&["server", "create", "web"]).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while !site.asked().iter().any(|action| action == "destroy") {
        assert!(Instant::now() < until, "{:?}", site.asked());
        std::thread::sleep(Duration::from_millis(20));
    }
    Command::new("kill").args(["-INT", &create.id().to_string()]).status().unwrap();
    assert_eq!(create.wait().unwrap().code(), Some(130));
    assert!(site.record().join("server.json").exists());
    site.write("cloud/answer-look", "{\"machine\":null}");
    site.write(
        "cloud/answer-create",
        "{\"error\":{\"kind\":\"refused\",\"message\":\"the quota is used up\",\"hint\":\"ask for more\"}}",
    );
    let quota = site.server(&["create", "web"]).exits(73);
    quota.says(&["provider` create: the quota is used up", "hint: ask for more"]);
    assert!(!site.record().exists(), "nothing was made, so nothing is remembered");
    Ok(())
}

#[test]
fn a_machine_that_hangs_is_waited_for_as_one_that_is_silent() -> Result<()> {
    let site = Site::new("hangs")?;
    let text = fs::read_to_string(site.path("servers/web.toml")).unwrap();
    site.write("servers/web.toml", &text.replace("ready_within = 20", "ready_within = 2"));
    // Who connects is let in, and then nothing comes back.
    site.write("cloud/forced", "command=\"exec sleep 1000\" ");
    let hangs = site.server(&["create", "web"]).exits(69);
    hangs.says(&["`web` did not answer by SSH within 2 s: nothing came back within 5 s", "goes on waiting"]);
    // The next one is let in, and cloud-init hangs.
    let keys = site.machine.text("/root/.ssh/authorized_keys").unwrap();
    let own = keys.split_once("1000\" ").unwrap().1;
    fs::write(site.machine.path("/root/.ssh/authorized_keys"), own).unwrap();
    let cloud_init = site.machine.path("/usr/local/bin/cloud-init");
    fs::write(&cloud_init, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    fs::set_permissions(&cloud_init, fs::Permissions::from_mode(0o755)).unwrap();
    let hangs = site.server(&["create", "web"]).exits(69);
    hangs.says(&["going on with", "cloud-init of `web` was not done within 2 s: nothing came back", "goes on waiting"]);
    fs::remove_file(cloud_init).unwrap();
    site.server(&["create", "web"]).exits(0).says(&["going on with", "converged at 192.0.2.7"]);
    // A socket that takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    site.server(&["destroy", "web", "--yes"]).exits(0);
    site.machine.gone();
    site.write("cloud/port", &silent.local_addr().unwrap().port().to_string());
    site.server(&["create", "web"]).exits(69).says(&["`web` did not answer by SSH within 2 s", "goes on waiting"]);
    site.server(&["destroy", "web", "--yes"]).exits(0);
    Ok(())
}

/// Who makes a machine of one that is there.
const BOOTSTRAP: [&str; 8] =
    ["bootstrap", "box", "-j", "dna.json", "-c", "solo.rb", "--file", "/var/cookbooks=cookbooks"];

impl Site {
    /// The user's settings of ssh. It takes the home from the system's accounts and not from the environment, so they are named.
    fn settings(&self, text: &str) {
        self.write("home/.ssh/config", text);
        let config = self.path("home/.ssh/config");
        self.write("bin/ssh", &format!("#!/bin/sh\nexec /usr/bin/ssh -F '{}' \"$@\"\n", config.display()));
        fs::set_permissions(self.path("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs by these settings, and by an agent.
    fn by_settings(&self, words: &[&str], agent: Option<&Path>) -> Ran {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = self.command(words);
        command.env("PATH", path).envs(agent.map(|socket| ("SSH_AUTH_SOCK", socket)));
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// A key pair; its public half.
    fn key_pair(&self, path: &str) -> String {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status().unwrap();
        assert!(made.success());
        fs::read_to_string(path.with_added_extension("pub")).unwrap()
    }
}

/// An agent that ends with the test.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        kill(&mut self.0);
    }
}

#[test]
fn a_key_that_only_an_agent_has_logs_in() -> Result<()> {
    let site = Site::new("agent")?;
    let public = site.key_pair("home/id");
    let host = site.key_pair("key");
    // Paths of sockets are short.
    let directory = std::env::temp_dir().join(format!("brasa-agent-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let socket = directory.join("socket");
    let agent = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    let _agent = Agent(agent);
    await_file(&socket);
    let added = Command::new("ssh-add").arg("-q").arg(site.path("home/id")).env("SSH_AUTH_SOCK", &socket).status();
    assert!(added.unwrap().success());
    fs::remove_file(site.path("home/id")).unwrap();

    site.describe("ssh_key = \"../home/id.pub\"");
    let text = fs::read_to_string(site.path("servers/web.toml")).unwrap();
    site.write("servers/web.toml", &text.replace("ready_within = 20", "ready_within = 2"));
    site.settings("");
    site.by_settings(&["server", "create", "web"], None).exits(77).says(&["`web` does not let us in"]);
    let made = site.by_settings(&["server", "create", "web"], Some(&socket)).exits(0);
    made.says(&["going on with", "converged at 192.0.2.7"]);
    let said = site.by_settings(&["server", "ssh", "web", "--", "cat", "/srv/converged"], Some(&socket)).exits(0);
    assert_eq!(said.stdout, "done");
    site.by_settings(&["server", "destroy", "web", "--yes"], Some(&socket)).exits(0);
    site.machine.gone();

    // A machine that is there already.
    site.write("cloud/machine/authorized_keys", &public);
    fs::copy(site.path("key"), site.path("cloud/machine/host_key")).unwrap();
    site.machine.up();
    let (known, port) = (site.path("home/known"), site.machine.port());
    site.write("home/known", &format!("[127.0.0.1]:{port} {host}"));
    site.settings(&format!(
        "Host box\n HostName 127.0.0.1\n Port {port}\n User root\n BatchMode yes\n IdentityFile /none\n UserKnownHostsFile {}\n",
        known.display()
    ));
    site.by_settings(&BOOTSTRAP, None).exits(77).says(&["`box` does not let us in"]);
    let ran = site.by_settings(&BOOTSTRAP, Some(&socket)).exits(0);
    assert!(ran.stdout.contains("1 changed"), "{}", ran.stdout);
    fs::remove_dir_all(&directory).unwrap_or_default();
    Ok(())
}

#[test]
fn a_machine_behind_another_is_reached_through_it() -> Result<()> {
    let site = Site::new("jump")?;
    fs::create_dir_all(site.path("jump")).unwrap();
    let jump = SshMachine::at(&site.path("jump"))?;
    let public = site.key_pair("home/id");
    let (far, near) = (site.key_pair("key"), site.key_pair("jump-key"));
    site.write("jump/authorized_keys", &public);
    fs::copy(site.path("jump-key"), site.path("jump/host_key")).unwrap();
    jump.up();
    let through =
        || fs::read_to_string(site.path("jump/log")).unwrap_or_default().matches("Accepted publickey").count();
    let (id, known) = (site.path("home/id"), site.path("home/known"));
    let (id, known, port) = (id.display(), known.display(), site.machine.port());
    site.write("home/known", &format!("[127.0.0.1]:{port} {far}[127.0.0.1]:{} {near}", jump.port()));
    site.settings(&format!(
        "Host jump\n HostName 127.0.0.1\n Port {}\nHost box\n HostName 127.0.0.1\n Port {port}\nHost 127.0.0.1 box\n ProxyJump jump\n\
         Host jump box\n User root\n BatchMode yes\n IdentityFile {id}\n UserKnownHostsFile {known}\n",
        jump.port()
    ));
    // A server of ours: its own known hosts and key, and the user's way to it.
    let made = site.by_settings(&["server", "create", "web"], None).exits(0);
    made.says(&["converged at 192.0.2.7"]);
    let after_create = through();
    assert!(after_create > 0, "nobody came by the way between");
    site.by_settings(&["server", "destroy", "web", "--yes"], None).exits(0);
    site.machine.gone();

    site.write("cloud/machine/authorized_keys", &public);
    fs::copy(site.path("key"), site.path("cloud/machine/host_key")).unwrap();
    site.machine.up();
    let ran = site.by_settings(&BOOTSTRAP, None).exits(0);
    assert!(ran.stdout.contains("1 changed"), "{}", ran.stdout);
    assert!(through() > after_create, "nobody came by the way between");
    fs::remove_file(site.path("jump/host_key")).unwrap();
    jump.gone();
    site.by_settings(&BOOTSTRAP, None).exits(69).says(&["`box` does not answer by SSH"]);
    Ok(())
}

#[test]
fn a_user_other_than_root_becomes_root_by_sudo() -> Result<()> {
    let site = Site::new("sudo")?;
    let text = fs::read_to_string(site.path("servers/web.toml")).unwrap();
    let within = |seconds: &str| {
        let text = text.replace("ready_within = 20", &format!("ready_within = {seconds}"));
        site.write("servers/web.toml", &format!("user = \"admin\"\n{text}"));
    };
    within("6");
    site.write("cloud/machine/user", "admin");
    // It may not become root: it says so, and nothing is there yet.
    let refused = site.server(&["create", "web"]).exits(77);
    refused.says(&["`web` lets us in, but does not let us become root: sudo: a password is required", "hint: "]);
    assert!(site.machine.text("/etc/brasa/dna.json").is_none());
    site.server(&["destroy", "web", "--yes"]).exits(0);
    site.machine.gone();

    within("20");
    site.write("cloud/machine/sudoers", "admin ALL=(ALL) NOPASSWD:ALL\n");
    site.server(&["create", "web"]).exits(0).says(&["web: host key replaced (", "converged at 192.0.2.8"]);
    let machine = &site.machine;
    assert_eq!(machine.text("/srv/converged").as_deref(), Some("done"));
    let key = machine.path("/etc/dyndns_keys/tsig");
    let about = fs::metadata(&key).unwrap();
    assert_eq!((about.uid(), about.gid(), mode(&key)), (0, 0, 0o600), "it is root's");
    assert_eq!(fs::metadata(machine.path("/var/cookbooks/site/metadata.json")).unwrap().uid(), 0);
    assert_eq!(site.server(&["ssh", "web", "--", "id", "-un"]).exits(0).stdout, "admin\n");
    site.server(&["converge", "web", "--detailed-exitcode"]).exits(0);
    site.server(&["destroy", "web", "--yes"]).exits(0);
    site.machine.gone();

    // A machine that is there already, by the user's own settings.
    let public = site.key_pair("home/id");
    let host = site.key_pair("key");
    let (id, known, port) = (site.path("home/id"), site.path("home/known"), site.machine.port());
    let (id, known) = (id.display(), known.display());
    site.write("home/known", &format!("[127.0.0.1]:{port} {host}"));
    site.settings(&format!(
        "Host box\n HostName 127.0.0.1\n Port {port}\n User admin\n IdentityFile {id}\n UserKnownHostsFile {known}\n"
    ));
    site.write("cloud/machine/authorized_keys", &public);
    fs::copy(site.path("key"), site.path("cloud/machine/host_key")).unwrap();
    site.machine.up();
    let ran = site.by_settings(&BOOTSTRAP, None).exits(0);
    assert!(ran.stdout.contains("1 changed"), "{}", ran.stdout);
    // A sudo that asks is told of, with what helps.
    fs::remove_file(site.machine.path("/etc/sudoers.d/lab")).unwrap();
    site.by_settings(&BOOTSTRAP, None)
        .exits(77)
        .says(&["sudo: a password is required", "become root by sudo without a password"]);
    Ok(())
}

/// What a virtual machine cannot be made of, or does not come up from: no account is needed for that, and hardly a boot.
#[test]
fn a_virtual_machine_that_cannot_be_is_told_in_its_own_words() -> Result<()> {
    lab::need(&[("qemu-system-x86_64", "qemu-system-x86"), ("qemu-img", "qemu-utils"), ("mke2fs", "e2fsprogs")])?;
    let site = Site::new("local")?;
    let local = |lines: &str| {
        let head = "fqdn = \"web.example.test\"\ndna = \"../dna.json\"\nready_within = 60\n[local]\naccelerator = \"tcg\"\nmemory = 128\n";
        site.write("servers/web.toml", &format!("{head}{lines}"));
    };
    let create = |code: i32, words: &[&str]| {
        site.server(&["create", "web"]).exits(code).says(words);
        assert!(!site.record().exists(), "nothing was made, so nothing is remembered");
    };
    local("");
    create(65, &["servers/web.toml:4:1: `local.image` is missing", "name a disk image of a system with cloud-init"]);
    local("image = \"../missing.qcow2\"\n");
    create(73, &["there is no image `", "missing.qcow2`", "hint: `image` in the table `local` names"]);
    fs::create_dir_all(site.path("tree/boot")).unwrap();
    local("image = \"../tree\"\n");
    create(73, &["has no kernel: there is no `boot/vmlinuz-*`", "hint: install one in it"]);
    fs::write(site.path("no-image.qcow2"), b"QFI\xfbthis is none").unwrap();
    local("image = \"../no-image.qcow2\"\n");
    create(73, &["`qemu-img` cannot look at the image: "]);
    fs::write(site.path("empty.raw"), [0; 512]).unwrap();
    local("image = \"../empty.raw\"\noptions = [\"-no-such-option\"]\n");
    create(73, &["`qemu-system-x86_64` does not start: ", "-no-such-option: invalid option"]);
    local("image = \"../empty.raw\"\nkernel = \"../no-kernel\"\n");
    create(73, &["`qemu-system-x86_64` does not start: ", "no-kernel"]);

    // One that ends before SSH answers: here it is ended from outside.
    local("image = \"../empty.raw\"\n");
    let said = fs::File::create(site.path("said")).unwrap();
    let mut create = site.command(&["server", "create", "web"]).stderr(said).spawn().unwrap();
    let process = site.record().join("vm.pid");
    await_file(&process);
    await_file(&site.path("state/brasa/servers/.web.address"));
    let process = fs::read_to_string(process).unwrap();
    assert!(Command::new("kill").args(["-KILL", process.trim()]).status().unwrap().success());
    let ended = Ran {
        code: create.wait().unwrap().code(),
        stdout: String::new(),
        stderr: fs::read_to_string(site.path("said")).unwrap(),
    };
    // How far it came before that is a matter of a second.
    match ended.code {
        Some(73) => drop(ended.says(&["the virtual machine ended at once"])),
        _ => drop(ended.exits(69).says(&["the server `web` is gone", "brasa server create web"])),
    }
    site.server(&["destroy", "web", "--yes"]).exits(0);
    assert!(!site.record().exists());

    // No qemu at all.
    fs::create_dir_all(site.path("bin")).unwrap();
    for tool in ["qemu-img", "ssh", "ssh-keygen"] {
        std::os::unix::fs::symlink(lab::find(tool).unwrap(), site.path("bin").join(tool)).unwrap();
    }
    local("image = \"../empty.raw\"\n");
    let output =
        site.command(&["server", "create", "web"]).env("PATH", site.path("bin")).stderr(Stdio::piped()).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(65), "{said}");
    assert!(
        said.contains("there is no `qemu-system-x86_64` on this machine")
            && said.contains("qemu-system-x86 (qemu-kvm)"),
        "{said}"
    );
    Ok(())
}

/// Nobody logs in: cloud-init alone fetches the program, checks it and converges, at the machine's first boot.
#[test]
fn a_server_that_pulls_converges_itself() -> Result<()> {
    let site = Site::new("pull")?;
    let described = "provider = \"exec\"\nfqdn = \"web.example.test\"\ndna = \"../dna.json\"\nsolo = \"../solo.rb\"\n\
        [files]\n\"/var/cookbooks/site/metadata.json\" = \"../cookbooks/site/metadata.json\"\n\
        \"/var/cookbooks/site/recipes/default.yml\" = \"../cookbooks/site/recipes/default.yml\"\n\
        [keys]\n\"/etc/dyndns_keys/tsig\" = \"../tsig\"\n[exec]\ncommand = \"../cloud/provider\"\n";
    site.write("servers/web.toml", described);
    let binary = lab::binary()?;
    let sum = Command::new("sha256sum").arg(&binary).output().unwrap();
    let sha = String::from_utf8_lossy(&sum.stdout)[..64].to_owned();
    let url = "http://127.0.0.1:8000/brasa";
    let printed = site.server(&["user-data", "web", "--pull", url, "--sha256", &sha]).exits(0);
    let printed = printed.says(&["the files of `keys` are not in the user-data"]);
    assert!(!printed.stdout.contains("canary-of-a-key"), "{}", printed.stdout);
    site.write("seed/user-data", &printed.stdout);
    site.write("seed/meta-data", "instance-id: first\n");
    fs::create_dir_all(site.path("served")).unwrap();
    let serve = "[Unit]\nBefore=cloud-init-local.service\nDefaultDependencies=no\n[Service]\nExecStart=/usr/bin/python3 -m http.server \
                 --bind 127.0.0.1 --directory /served 8000\n";
    site.write("serve.service", serve);
    fs::create_dir_all(site.path("wants")).unwrap();
    std::os::unix::fs::symlink("../serve.service", site.path("wants/serve.service")).unwrap();
    let mut machine = Container::of(lab::root(CLOUD)?)
        .bind(&binary, "/served/brasa")
        .bind(site.path("seed"), "/var/lib/cloud/seed/nocloud")
        .bind(site.path("wants"), "/etc/systemd/system/cloud-init-local.service.wants")
        .bind(site.path("serve.service"), "/etc/systemd/system/serve.service")
        .start()?;
    machine.run(["cloud-init", "status", "--wait"]);
    let log = machine.sh("cat /var/log/brasa-bootstrap.log").stdout;
    assert!(
        log.contains("1 changed"),
        "{log}\n{}",
        machine.sh("cloud-init status --long; tail -50 /var/log/cloud-init-output.log").stdout
    );
    assert_eq!(machine.read("/srv/converged"), "done");
    assert_eq!(machine.run(["stat", "-c", "%a", "/etc/brasa/dna.json"]).stdout, "600\n");
    assert_eq!(machine.run(["hostname"]).stdout, "web.example.test\n");
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    // Booted again it is the same server, and what was done once is left alone.
    machine.sh("rm /srv/converged").success();
    machine.reboot()?;
    machine.run(["cloud-init", "status", "--wait"]);
    assert_eq!(machine.sh("cat /var/log/brasa-bootstrap.log").stdout, log);
    machine.sh("brasa-bootstrap").success();
    assert_eq!(machine.read("/srv/converged"), "done", "the script is there to repair it");
    Ok(())
}

#[test]
fn a_machine_that_is_there_is_bootstrapped_by_the_users_own_settings() -> Result<()> {
    let site = Site::new("bootstrap")?;
    let ssh = site.path("home/.ssh");
    fs::create_dir_all(&ssh).unwrap();
    for (path, comment) in [(site.path("key"), "host"), (ssh.join("id_box"), "user")] {
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]).arg(path).status();
        assert!(made.unwrap().success());
    }
    fs::copy(ssh.join("id_box.pub"), site.path("cloud/machine/authorized_keys")).unwrap();
    fs::copy(site.path("key"), site.path("cloud/machine/host_key")).unwrap();
    site.machine.up();
    let (home, port) = (ssh.display(), site.machine.port());
    let settings = format!(
        "Host box\n HostName 127.0.0.1\n Port {port}\n User root\n IdentityFile {home}/id_box\n UserKnownHostsFile {home}/known\n\
         StrictHostKeyChecking yes\n"
    );
    site.settings(&settings);
    let bootstrap = |more: &[&str]| site.by_settings(&[&BOOTSTRAP, more].concat(), None);
    bootstrap(&[]).exits(77).says(&["`box` shows another host key than it must have"]);
    let public = fs::read_to_string(site.path("key.pub")).unwrap();
    fs::write(ssh.join("known"), format!("[127.0.0.1]:{port} {public}")).unwrap();
    let ran = bootstrap(&["--key", "/etc/dyndns_keys/tsig=tsig"]).exits(0).says(&["box: converged ("]);
    assert!(ran.stdout.contains("1 changed"), "{}", ran.stdout);
    assert_eq!(mode(&site.machine.path("/etc/dyndns_keys/tsig")), 0o600);
    let key = site.machine.text("/etc/ssh/ssh_host_ed25519_key").unwrap();
    assert_eq!(key, fs::read_to_string(site.path("key")).unwrap(), "its host key is its own business");
    bootstrap(&["--detailed-exitcode"]).exits(0);
    bootstrap(&["-o", "recipe[no_such]"]).exits(65);
    Ok(())
}

/// In the bare environment of cloud-init, with a program in place of brasa that says what it was told.
#[test]
fn the_script_puts_a_program_in_place_that_it_has_checked() -> Result<()> {
    lab::need(&[("shellcheck", "shellcheck"), ("curl", "curl"), ("dash", "dash")])?;
    let script = lab::workspace().join("packaging/bootstrap.sh");
    let checked = Command::new("shellcheck").arg(&script).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));

    let place = lab::target_directory()?.join("lab").join(format!("script-{}", std::process::id()));
    drop(fs::remove_dir_all(&place));
    fs::create_dir_all(&place).unwrap();
    let fake = "#!/bin/sh\ntest \"$1\" != --version || exit 0\necho \"out $*\"; echo err >&2; exit 35\n";
    fs::write(place.join("fake"), fake).unwrap();
    let sum = Command::new("sha256sum").arg(place.join("fake")).output().unwrap();
    let sha = String::from_utf8_lossy(&sum.stdout)[..64].to_owned();
    let (program, log) = (place.join("bin/brasa"), place.join("log"));
    let (program, log) = (program.to_str().unwrap(), log.to_str().unwrap());
    let url = format!("file://{}", place.join("fake").display());
    let run = |shell: &[&str], words: &[&str]| {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(&script).args(["-p", program, "-l", log]).args(words).env_clear();
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    };
    let dash = &["/bin/dash"][..];
    run(dash, &["-s", &sha]).exits(65).says(&["no -u says where to fetch it"]);
    run(dash, &["-u", &url]).exits(64).says(&["-u wants -s"]);
    run(dash, &["-s", &"0".repeat(64), "-u", &url]).exits(65).says(&["has not the SHA-256", "not put in place"]);
    run(dash, &["-s", &sha, "-u", "file:///no/such"]).exits(69).says(&["file:///no/such cannot be fetched"]);
    assert_eq!(fs::read_dir(place.join("bin")).unwrap().count(), 0, "nothing half fetched stays");
    // A log that cannot be written takes nothing away from the run.
    for log in ["/no/such/log", "/dev/full"] {
        assert_eq!(run(dash, &["-l", log, "-s", &sha, "-u", &url]).exits(35).stdout, "out converge\n");
    }
    let ran = run(dash, &["-s", &sha, "-u", &url, "--", "-j", "a b"]).exits(35);
    assert_eq!((ran.stdout.as_str(), ran.stderr.lines().last()), ("out converge -j a b\n", Some("err")));
    assert_eq!(mode(Path::new(program)), 0o755);
    // Again, without a network, by another shell.
    let again = run(&["/bin/bash", "--posix"], &["-s", &sha, "-u", "http://192.0.2.1/"]).exits(35);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("out converge\n", "err\n"));
    let logged = fs::read_to_string(log).unwrap();
    assert_eq!(
        (logged.matches("out converge").count(), logged.matches("err").count(), mode(Path::new(log))),
        (2, 2, 0o600)
    );
    fs::remove_dir_all(&place).unwrap();
    Ok(())
}

#[test]
fn a_test_of_a_server_tells_what_failed_and_leaves_nothing() -> Result<()> {
    let site = Site::new("test")?;
    site.write("check", "test \"$(cat /srv/converged)\" = done\n");
    site.describe("verify = \"../check\"");
    let good = "- {type: file, name: /srv/converged, content: done}\n";
    let gone = || assert!(!site.path("cloud/id").exists() && !site.record().exists(), "the server is still there");
    site.server(&["test", "web"]).exits(0).says(&["web: checked (", "web: passed ("]);
    gone();

    site.order("- {type: execute, name: date >/srv/now}\n");
    site.server(&["test", "web"]).exits(1).says(&["the second run changed something again"]);
    gone();
    site.order("- {type: execute, name: 'false'}\n");
    site.server(&["test", "web"]).exits(1).says(&["the first run ended with 1"]);
    gone();
    site.order(good);
    site.write("check", "echo it looks; test -e /srv/none\n");
    let failed = site.server(&["test", "web"]).exits(1).says(&["check` ended with 1"]);
    assert!(failed.stdout.ends_with("it looks\n"), "{}", failed.stdout);
    gone();
    site.server(&["test", "web", "--verify", "no-such-check"]).exits(65).says(&["no-such-check"]);
    gone();

    // A signal ends the test, and not the cleaning up.
    let interrupted = || {
        let slow =
            "- {type: execute, name: slow, command: touch /srv/begun; while test ! -e /srv/go; do sleep 0.05; done}\n";
        site.order(slow);
        site.machine.gone();
        // A file and no pipe: a connection that outlives the program would hold its end.
        let said = fs::File::create(site.path("said")).unwrap();
        let mut test = site.command(&["server", "test", "web"]).stderr(said).spawn().unwrap();
        await_file(&site.machine.path("/srv/begun"));
        // The path may go with the machine before this test looks again; what is open stays.
        let place = fs::File::open(site.machine.path("/srv")).unwrap();
        Command::new("kill").args(["-INT", &test.id().to_string()]).status().unwrap();
        let ended = test.wait().unwrap();
        fs::write(format!("/proc/self/fd/{}/go", place.as_raw_fd()), "").unwrap();
        assert_eq!(ended.code(), Some(130));
        fs::read_to_string(site.path("said")).unwrap()
    };
    let said = interrupted();
    assert!(said.contains("web: destroyed ("), "{said}");
    gone();
    site.write("cloud/broken", "");
    let said = interrupted();
    assert!(said.contains("`brasa server destroy web` removes it"), "{said}");
    fs::remove_file(site.path("cloud/broken")).unwrap();
    site.server(&["destroy", "web", "--yes"]).exits(0);
    gone();
    site.order(good);

    // Somebody's server is not taken for the test's own.
    site.write("check", "true\n");
    site.server(&["test", "web", "--keep"]).exits(0);
    assert!(site.path("cloud/id").exists());
    site.server(&["test", "web"]).exits(73).says(&["there is a server `web` already"]);
    assert!(site.path("cloud/id").exists(), "it was destroyed");
    site.server(&["destroy", "web", "--yes"]).exits(0);
    gone();
    Ok(())
}

#[test]
fn somebody_elses_server_of_the_same_name_is_never_cleaned_up() -> Result<()> {
    let site = Site::new("stranger")?;
    let stranger = "{\"id\":\"stranger\",\"name\":\"web\",\"token\":\"other\",\"state\":\"running\"}";
    let destroyed = || fs::read_to_string(site.path("cloud/destroyed")).unwrap_or_default();
    // Ours is half made, and has failed.
    site.write("cloud/stall_after", "");
    let mut create = site.command(&["server", "create", "web"]).spawn().unwrap();
    await_file(&site.path("cloud/stalled"));
    kill(&mut create);
    fs::remove_file(site.path("cloud/stall_after")).unwrap();
    let ours = fs::read_to_string(site.path("cloud/id")).unwrap().replace("running", "failed");
    site.write("cloud/answer-find", &format!("{{\"machines\":[{ours},{stranger}]}}"));
    site.server(&["create", "web"]).exits(73).says(&["that is not recorded here: `stranger`"]);
    assert_eq!(destroyed(), "");
    fs::remove_file(site.path("cloud/answer-find")).unwrap();
    site.server(&["destroy", "web", "--yes"]).exits(0);
    site.machine.gone();

    // It comes while a test makes its own.
    fs::remove_file(site.path("cloud/destroyed")).unwrap();
    site.write("cloud/answer-find.later", &format!("{{\"machines\":[{stranger}]}}"));
    site.server(&["test", "web"]).exits(0);
    let gone = destroyed();
    assert!(gone.starts_with("m-") && !gone.contains("stranger"), "{gone}");
    Ok(())
}

#[test]
fn a_server_whose_answer_was_lost_is_asked_for_again_as_the_same_one() -> Result<()> {
    let site = Site::new("lost")?;
    site.write("cloud/mute", "");
    site.server(&["create", "web"]).exits(69).says(&["no answer"]);
    assert!(site.record().join("server.json").exists(), "it may still come");
    let host_key = fs::read_to_string(site.record().join("host_key")).unwrap();
    assert_eq!(mode(&site.record().join("host_key")), 0o600);
    site.write("cloud/stall_after", "");
    let mut create = site.command(&["server", "create", "web"]).spawn().unwrap();
    await_file(&site.path("cloud/stalled"));
    kill(&mut create);
    fs::remove_file(site.path("cloud/stall_after")).unwrap();
    let tokens = fs::read_to_string(site.path("cloud/tokens")).unwrap();
    let [first, second] = tokens.lines().collect::<Vec<_>>()[..] else { panic!("{tokens}") };
    assert_eq!(first, second, "a provider that keeps tokens makes one server of both");
    assert_eq!(fs::read_to_string(site.path("cloud/machine/host_key")).unwrap().trim(), host_key.trim());
    // It came late, and is found.
    site.server(&["create", "web"]).exits(0).says(&["going on with `m-"]);
    assert!(!site.record().join("host_key").exists(), "the private half is not kept");
    site.server(&["destroy", "web", "--yes"]).exits(0);
    Ok(())
}

#[test]
fn a_server_that_is_not_shown_at_once_is_never_lost() -> Result<()> {
    let site = Site::new("late")?;
    let made = || site.asked().iter().filter(|action| *action == "create").count();
    let nothing_runs = || {
        assert!(!site.path("cloud/id").exists() && !site.record().exists());
        site.machine.gone();
    };
    site.write("cloud/hide", "3");
    site.server(&["create", "web"]).exits(0).says(&["converged at 192.0.2.7"]);
    assert_eq!(made(), 1);
    // An answer about another one is not believed.
    let other = fs::read_to_string(site.path("cloud/id")).unwrap().replace("\"id\":\"m-", "\"id\":\"other-");
    site.write("cloud/answer-look", &format!("{{\"machine\":{other}}}"));
    site.server(&["converge", "web"]).exits(1).says(&["was asked for, and it tells of `other-"]);
    fs::remove_file(site.path("cloud/answer-look")).unwrap();
    site.server(&["destroy", "web", "--yes"]).exits(0);
    nothing_runs();

    // Asked for, not answered, and there a while later.
    site.write("cloud/late", "3");
    site.server(&["create", "web"]).exits(69).says(&["no answer"]);
    site.server(&["destroy", "web", "--yes"]).exits(0);
    nothing_runs();
    site.write("cloud/late", "3");
    site.server(&["test", "web"]).exits(69).says(&["no answer", "web: destroyed ("]);
    nothing_runs();

    // And never there: a test remembers it, and who destroys it is told.
    site.write("servers/web.toml", &fs::read_to_string(site.path("servers/web.toml")).unwrap().replace("20", "2"));
    site.write("cloud/mute", "");
    let why = "was asked for the server `web`, did not answer, and does not show it";
    site.server(&["test", "web"]).exits(69).says(&["it was not cleaned up: `exec`", why, "brasa server destroy web"]);
    assert!(site.record().exists());
    let listed = site.server(&["list"]).exits(0).stdout;
    assert!(listed.starts_with("web  exec  unseen"), "{listed}");
    site.server(&["destroy", "web", "--yes"]).exits(0).says(&[why, "should it come yet"]);
    nothing_runs();

    // Its record is forgotten by itself too.
    site.server(&["create", "web"]).exits(0);
    site.server(&["destroy", "web", "--forget"]).exits(0).says(&["forgotten; nobody was asked"]);
    assert!(site.path("cloud/id").exists() && !site.record().exists());
    site.server(&["destroy", "web", "--forget"]).exits(0).says(&["there is no record"]);
    site.server(&["destroy", "web", "--yes"]).exits(0).says(&["destroyed and forgotten"]);
    nothing_runs();
    Ok(())
}

#[test]
fn what_is_no_longer_in_a_directory_goes_and_what_others_put_there_stays() -> Result<()> {
    let site = Site::new("tree")?;
    for name in ["old name.txt", "sub/deep.txt", "kept.txt", "k\u{e4}se.txt"] {
        site.write(&format!("cookbooks/site/files/{name}"), "x");
    }
    std::os::unix::fs::symlink("sub", site.path("cookbooks/site/files/link")).unwrap();
    site.server(&["create", "web"]).exits(0);
    let there = |name: &str| site.machine.path("/var/cookbooks/site/files").join(name).exists();
    assert!(there("old name.txt") && there("sub/deep.txt") && there("link/deep.txt"));
    fs::write(site.machine.path("/var/cookbooks/site/files/theirs.txt"), "").unwrap();
    fs::remove_file(site.path("cookbooks/site/files/old name.txt")).unwrap();
    fs::remove_dir_all(site.path("cookbooks/site/files/sub")).unwrap();
    fs::remove_file(site.path("cookbooks/site/files/link")).unwrap();
    site.server(&["converge", "web"]).exits(0);
    assert!(!there("old name.txt") && !there("sub") && there("kept.txt") && there("theirs.txt"));
    let left = fs::read_dir(site.machine.path("/var/cookbooks/site/files")).unwrap().count();
    assert_eq!(left, 3, "the third one has a name that is not ASCII");
    site.server(&["destroy", "web", "--yes"]).exits(0);
    Ok(())
}

#[test]
fn who_only_looks_needs_no_place_to_write() -> Result<()> {
    let site = Site::new("look")?;
    let look = |words: &str| {
        let state = site.path("state").display().to_string();
        fs::create_dir_all(&state).unwrap();
        let brasa = lab::binary().unwrap().display().to_string();
        let line =
            format!("mount --bind {state} {state} && mount -o remount,bind,ro {state} && exec {brasa} server {words}");
        let mut command = site.command(&[]);
        let mut alone = Command::new("unshare");
        alone.args(["--mount", "--propagation", "private", "sh", "-c", &line]).current_dir(&site.directory);
        alone.envs(command.stdin(Stdio::null()).get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = alone.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    };
    let listed = look("list").exits(0);
    assert!(listed.stdout.starts_with("web  exec  absent"), "{}", listed.stdout);
    assert_eq!(fs::read_dir(site.path("state")).unwrap().count(), 0);
    look("create web").exits(1).says(&["the file system is mounted read-only"]);
    site.server(&["create", "web"]).exits(0);
    let listed = look("list").exits(0);
    assert!(listed.stdout.starts_with("web  exec  running  192.0.2.7  converged"), "{}", listed.stdout);
    look("show web").exits(0);
    site.server(&["destroy", "web", "--yes"]).exits(0);
    Ok(())
}

#[test]
fn strays_of_every_place_are_listed() -> Result<()> {
    let site = Site::new("strays")?;
    let text = fs::read_to_string(site.path("servers/web.toml")).unwrap();
    site.write("servers/api.toml", &(text.clone() + "settings = {zone = \"b\"}\n"));
    // The same place as that of `web`, in other words.
    site.write("servers/www.toml", &(text + "settings = {zone = \"a\"}\n"));
    let machine =
        |id: &str| format!("{{\"id\":\"{id}\",\"name\":\"left-{id}\",\"token\":\"t\",\"state\":\"running\"}}");
    site.write("cloud/answer-list", &format!("{{\"machines\":[{}]}}", machine("one")));
    site.write("cloud/b-list", &format!("{{\"machines\":[{}]}}", machine("two")));
    let listed = site.server(&["list"]).exits(0).stdout;
    for (id, times) in [("one", 1), ("two", 1)] {
        assert_eq!(listed.matches(&format!("left-{id}")).count(), times, "{listed}");
    }
    Ok(())
}

#[test]
fn a_server_is_looked_for_where_it_was_made() -> Result<()> {
    let site = Site::new("place")?;
    site.server(&["create", "web"]).exits(0);
    let described = fs::read_to_string(site.path("servers/web.toml")).unwrap();
    let longer = described.clone() + "timeout = 90\n";
    site.write("servers/web.toml", &longer);
    site.server(&["converge", "web"]).exits(0);
    assert_eq!(fs::read_to_string(site.record().join("server.toml")).unwrap(), longer, "`destroy` goes by it");

    site.write("servers/web.toml", &(described + "settings = {zone = \"b\"}\n"));
    for command in ["create", "converge"] {
        site.server(&[command, "web"]).exits(73).says(&["was made by `exec` elsewhere", "brasa server destroy web"]);
    }
    site.server(&["list"]).exits(0);
    site.server(&["destroy", "web", "--yes"]).exits(0);
    assert!(!site.path("cloud/id").exists(), "it runs on");
    site.machine.gone();
    Ok(())
}
