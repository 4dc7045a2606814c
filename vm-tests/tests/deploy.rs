//! Kinds that put files and other people's work in place, with the real programs that give and take them.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, Result, converge, settle, site};

/// Debian with git, and what packs and unpacks archives.
const DEPLOY: Base = Base {
    name: "debian-deploy",
    suite: "bookworm",
    packages: &["git", "python3", "unzip", "xz-utils", "zip", "zstd"],
    el: false,
};

fn machine() -> Result<Container> {
    site(Container::of(lab::root(DEPLOY)?))
}

#[test]
fn a_directory_of_the_cookbook_is_put_in_place() -> Result<()> {
    let machine = machine()?;
    machine.run(["useradd", "-r", "www"]).success();
    let files = "/etc/brasa/cookbooks/site/files/default/www";
    machine.sh(&format!("mkdir -p {files}/css && cd {files} && echo 1 > index.html && echo 2 > css/.hidden")).success();
    machine.sh(&format!("cd {files} && printf '\\0\\377' > css/binary && chmod 755 css/binary")).success();
    let resource = |rest: &str| {
        format!(
            "- {{type: remote_directory, name: /srv/www, owner: www, files_owner: www, files_mode: '0640'{rest}}}\n"
        )
    };
    settle(&machine, &resource(""));
    machine.run(["diff", "-r", files, "/srv/www"]).success();
    let state = || machine.sh("cd /srv/www && find . -printf '%p %m %u\\n' | sort").success().stdout;
    let good = "\
        . 755 www\n./css 755 www\n./css/.hidden 640 www\n./css/binary 640 www\n./index.html 640 www\n";
    assert_eq!(state(), good);
    // Drift is repaired; what is not of the cookbook stays until it is to be purged.
    let drift = "cd /srv/www && rm index.html && echo x >> css/.hidden && chmod 600 css/binary";
    machine.sh(drift).success();
    machine.sh("mkdir -p /srv/www/own/deep /precious && touch /srv/www/own/deep/x /precious/x").success();
    machine.sh("ln -s /precious /srv/www/out").success();
    settle(&machine, &resource(""));
    assert!(machine.exists("/srv/www/own/deep/x"));
    machine
        .write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{}", resource(", purge: true")));
    let plan = machine.run(["brasa", "plan"]).success();
    for path in ["/srv/www/out", "/srv/www/own/deep/x", "/srv/www/own/deep", "/srv/www/own"] {
        assert!(plan.stdout.contains(path), "{plan}");
    }
    settle(&machine, &resource(", purge: true"));
    assert_eq!(state(), good);
    assert!(machine.exists("/precious/x"));
    machine.run(["brasa", "undo", "last"]).success();
    assert!(machine.exists("/srv/www/own/deep/x"));
    settle(&machine, &resource(", action: delete"));
    assert!(!machine.exists("/srv/www"));
    let refused = converge(&machine, &resource(", source: wwww")).exits(65);
    assert!(refused.stderr.contains("no directory `wwww` in"), "{refused}");
    Ok(())
}

/// A bare repository with two commits, a tag of each sort on the first, and somebody's clone of it to work in.
const REPOSITORY: &str = "
    export GIT_AUTHOR_NAME=me GIT_AUTHOR_EMAIL=me@x GIT_COMMITTER_NAME=me GIT_COMMITTER_EMAIL=me@x
    set -e; mkdir -p /srv/git /srv/clone; cd /srv/clone
    git config --global user.name me; git config --global user.email me@x
    git init -q -b main --bare /srv/git/app.git; git clone -q /srv/git/app.git app 2>&1; cd app
    git checkout -q -B main
    echo 1 > file; mkdir lib; echo lib > lib/code; git add .; git commit -qm one; git tag plain; git tag -am noted noted
    echo 2 > file; git commit -qam two; git push -q origin main plain noted
";

/// Gives out the repositories: `git daemon`, and one beside it that asks for a password.
fn serve(machine: &Container) {
    machine.sh(REPOSITORY).success();
    let daemon = "git daemon --reuseaddr --export-all --base-path=/srv/git --listen=127.0.0.1 --detach";
    machine.sh(&format!("useradd -m deploy && {daemon}")).success();
}

#[test]
fn a_clone_follows_its_branch_and_keeps_what_is_only_there() -> Result<()> {
    let machine = machine()?;
    serve(&machine);
    let git = |rest: &str| format!("- {{type: git, name: /opt/app, repository: 'git://127.0.0.1/app.git', {rest}}}\n");
    let at = |what: &str| machine.sh(&format!("git -C /opt/app rev-parse {what}")).success().stdout.trim().to_owned();
    let source =
        |what: &str| machine.sh(&format!("git -C /srv/clone/app rev-parse {what}")).success().stdout.trim().to_owned();
    let commit = |text: &str| {
        let script =
            format!("cd /srv/clone/app && echo {text} > file && git commit -qam {text} && git push -qf origin main");
        machine.sh(&script).success();
    };
    // What the plan says is what the run does.
    let main = git("revision: main");
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{main}"));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains(&source("main")) && !machine.exists("/opt/app"), "{plan}");
    settle(&machine, &main);
    assert_eq!(
        (at("HEAD"), at("--abbrev-ref HEAD"), at("--abbrev-ref main@{u}")),
        (source("main"), "main".into(), "origin/main".into())
    );
    commit("three");
    // A plan asks git whether a file is changed, and leaves the clone as it is.
    let index = "touch -d yesterday /opt/app/file && stat -c '%i %y' /opt/app/.git/index";
    let before = machine.sh(index).success().stdout;
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains(&source("main")), "{plan}");
    assert_eq!(machine.sh(index).success().stdout, before);
    settle(&machine, &main);
    assert_eq!((at("HEAD"), machine.read("/opt/app/file")), (source("main"), "three\n".to_owned()));
    // Tags of both sorts, a commit, and back.
    for revision in ["plain", "HEAD", "noted", "main", &source("plain"), "main"] {
        settle(&machine, &git(&format!("revision: {revision}")));
        assert_eq!(at("HEAD"), source(&format!("{revision}^{{commit}}")), "{revision}");
    }
    // A history that was written anew, and a tag that moved.
    machine
        .sh("cd /srv/clone/app && git reset -q --hard HEAD~1 && git tag -f plain && git push -qf origin plain")
        .success();
    commit("anew");
    settle(&machine, &main);
    settle(&machine, &git("revision: plain"));
    assert_eq!(at("HEAD"), source("plain"));
    settle(&machine, &main);

    // What is only in the clone is kept: files, and commits.
    machine.sh("echo mine > /opt/app/file; echo untracked > /opt/app/notes").success();
    converge(&machine, &main).success();
    commit("four");
    let refused = converge(&machine, &main).exits(1);
    assert!(refused.stderr.contains("somebody changed `file` in the clone `/opt/app`"), "{refused}");
    assert_eq!(machine.read("/opt/app/file"), "mine\n");
    machine.sh("cd /opt/app && git commit -qam mine").success();
    let refused = converge(&machine, &main).exits(1);
    assert!(refused.stderr.contains("is only in the clone `/opt/app`"), "{refused}");
    settle(&machine, &git("revision: main, force: true"));
    assert_eq!((at("HEAD"), machine.read("/opt/app/notes")), (source("main"), "untracked\n".to_owned()));
    // A file of nobody in the way of one that comes: git refuses by itself.
    machine
        .sh("cd /srv/clone/app && echo theirs > notes && git add notes && git commit -qm n && git push -q origin main")
        .success();
    converge(&machine, &main).exits(1);
    assert_eq!(machine.read("/opt/app/notes"), "untracked\n");
    settle(&machine, &git("revision: main, force: true"));

    let refused = converge(&machine, &git("revision: nowhere")).exits(1);
    assert!(refused.stderr.contains("has no branch or tag `nowhere`"), "{refused}");
    settle(&machine, &git("revision: main, checkout_branch: deploy, additional_remotes: {up: 'https://x/y'}"));
    assert_eq!(at("--abbrev-ref HEAD"), "deploy");
    assert_eq!(machine.sh("git -C /opt/app remote get-url up").success().stdout, "https://x/y\n");
    Ok(())
}

#[test]
fn a_clone_of_a_user_an_export_and_a_shallow_one_with_submodules() -> Result<()> {
    let machine = machine()?;
    serve(&machine);
    let git = |name: &str, rest: &str| {
        format!("- {{type: git, name: {name}, repository: 'git://127.0.0.1/app.git', revision: main, {rest}}}\n")
    };
    let deploy = git("/opt/mine", "user: deploy, depth: 1");
    settle(&machine, &deploy);
    assert_eq!(machine.sh("find /opt/mine ! -user deploy | wc -l").success().stdout, "0\n");
    let count = "su deploy -c 'git -C /opt/mine rev-list --count HEAD'";
    assert_eq!(machine.sh(count).success().stdout, "1\n");
    let refused = converge(&machine, &git("/opt/mine", "depth: 1")).exits(1);
    assert!(refused.stderr.contains("belongs to `deploy`, and git would run as `root`"), "{refused}");
    // One commit from the middle, without its history.
    let one = machine.sh("git -C /srv/clone/app rev-parse plain").success().stdout.trim().to_owned();
    settle(
        &machine,
        &format!("- {{type: git, name: /opt/one, repository: 'git://127.0.0.1/app.git', revision: {one}, depth: 1}}\n"),
    );
    assert_eq!(machine.read("/opt/one/file"), "1\n");

    machine
        .sh("cd /srv/clone/app && git init -q --bare -b main /srv/git/sub.git && git clone -q /srv/git/sub.git ../sub")
        .success();
    machine.sh("cd /srv/clone/sub && git checkout -qB main && echo s > s && git add s && git commit -qm s && git push -q origin main").success();
    machine.sh("cd /srv/clone/app && git submodule add -q git://127.0.0.1/sub.git sub && git commit -qm sub && git push -q origin main").success();
    let whole = git("/opt/whole", "enable_submodules: true");
    settle(&machine, &whole);
    assert_eq!(machine.read("/opt/whole/sub/s"), "s\n");
    machine.sh("git -C /opt/whole submodule deinit -f sub").success();
    settle(&machine, &whole);
    assert_eq!(machine.read("/opt/whole/sub/s"), "s\n");
    settle(&machine, &git("/opt/export", "action: export, enable_submodules: true"));
    assert_eq!(
        machine.sh("cd /opt/export && find . | sort").success().stdout,
        ".\n./.gitmodules\n./file\n./lib\n./lib/code\n./sub\n./sub/s\n"
    );
    // One that was cut off at any point is made whole.
    machine.sh("rm -rf /opt/export && git clone -q git://127.0.0.1/app.git /opt/.export.brasa-export").success();
    settle(&machine, &git("/opt/export", "action: export, enable_submodules: true"));
    assert_eq!(machine.sh("ls -A /opt/export /opt | grep -c brasa").stdout, "0\n");
    machine.sh("install -d -o deploy -m 750 /opt/given").success();
    settle(&machine, &git("/opt/given", "action: export, user: deploy"));
    assert_eq!(
        machine.run(["stat", "-c", "%U %a", "/opt/given", "/opt/given/file"]).stdout,
        "deploy 750\ndeploy 644\n"
    );
    machine.sh("mkdir /opt/.given.brasa-export && mv /opt/given/file /opt/.given.brasa-export/").success();
    settle(&machine, &git("/opt/given", "action: export, user: deploy"));
    assert!(machine.exists("/opt/given/file") && !machine.exists("/opt/.given.brasa-export"));
    settle(&machine, &git("/opt/once", "action: checkout"));
    machine.sh("cd /srv/clone/app && echo 9 > file && git commit -qam 9 && git push -q origin main").success();
    converge(&machine, &git("/opt/once", "action: checkout")).success();
    machine.sh("mkdir /opt/full && touch /opt/full/x").success();
    let refused = converge(&machine, &git("/opt/full", "")).exits(1);
    assert!(refused.stderr.contains("`/opt/full` is not empty and no clone of git"), "{refused}");
    Ok(())
}

/// Git over HTTP for whoever knows the password. The first words of the address are its log.
const HTTP: &str = r#"
import base64, http.server, os, subprocess
class Handler(http.server.CGIHTTPRequestHandler):
    def answer(self):
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(b"me:can@ary").decode():
            self.send_response(401); self.send_header("WWW-Authenticate", "Basic"); self.end_headers(); return
        path, _, query = self.path.partition("?")
        environment = dict(os.environ, GIT_PROJECT_ROOT="/srv/git", GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query,
            REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get("Content-Type", ""), REMOTE_USER="me",
            HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""), GIT_PROTOCOL=self.headers.get("Git-Protocol", ""))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        out = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE).stdout
        self.wfile.write(b"HTTP/1.0 200 OK\r\n" + out)
    do_GET = do_POST = answer
http.server.HTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
"#;

#[test]
fn a_password_in_an_address_is_in_no_clone_and_no_report() -> Result<()> {
    let machine = machine()?;
    machine.sh(REPOSITORY).success();
    python(&machine, HTTP);
    let git = |url: &str| format!("- {{type: git, name: /opt/app, repository: '{url}', revision: main}}\n");
    let url = "http://me:can%40ary@127.0.0.1:8000/app.git";
    let first = settle(&machine, &git(url));
    assert_eq!(machine.read("/opt/app/file"), "2\n");
    assert!(!format!("{first}").contains("ary"), "{first}");
    assert!(machine.read("/opt/app/.git/config").contains("url = http://127.0.0.1:8000/app.git"));
    machine.sh("cd /srv/clone/app && echo 3 > file && git commit -qam 3 && git push -q origin main").success();
    settle(&machine, &git(url));
    assert_eq!(machine.read("/opt/app/file"), "3\n");
    let refused = converge(&machine, &git(&url.replace("app.git", "none.git"))).exits(1);
    assert!(!format!("{refused}").contains("ary"), "{refused}");
    // What git says of a failure is shown, without the password.
    machine
        .sh("rm -rf /opt/app && install -d -m 700 /opt/keep && touch /opt/keep/app && ln -s /opt/keep /srv/ro")
        .success();
    let ro = git(url).replace("/opt/app", "/proc/app");
    let refused = converge(&machine, &ro).exits(1);
    let said = format!("{refused}");
    assert!(said.contains("git clone -q") && said.contains("could not create") && !said.contains("ary"), "{said}");
    machine.sh("! grep -rlE 'can(%40|@)ary' /opt/app /var/lib/brasa /run/brasa 2> /dev/null").success();
    // Without a password nobody is asked for one.
    let refused = converge(&machine, &git("http://127.0.0.1:8000/app.git").replace("/opt/app", "/opt/two")).exits(1);
    assert!(refused.stderr.contains("git cannot tell of"), "{refused}");
    Ok(())
}

/// Starts a server on port 8000, and waits until it answers.
fn python(machine: &Container, program: &str) {
    machine.write("/root/serve.py", program);
    machine.sh("systemd-run -q --setenv=HOME=/root python3 /root/serve.py").success();
    let answers = "for i in $(seq 100); do (: < /dev/tcp/127.0.0.1/8000) 2> /dev/null && exit 0; sleep 0.1; done; journalctl -n 30 >&2; exit 1";
    machine.run(["bash", "-c", answers]).success();
}

/// A server that writes down what it is asked, and is out of order at one address.
const LISTENER: &str = r#"
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with open("/root/heard", "a") as log:
            log.write(f"{self.command} {self.path} {self.headers.get('X-Key')} {body}\n")
        broken = self.path == "/broken"
        self.send_response(503 if broken else 200)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"\nout of order\nsecond line" if broken else b"fine")
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer
http.server.HTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
"#;

#[test]
fn requests_are_sent_when_they_have_to_be_and_secrets_stay_with_the_server() -> Result<()> {
    let machine = machine()?;
    python(&machine, LISTENER);
    let request = |rest: &str| {
        format!("- {{type: http_request, name: tell, url: 'http://127.0.0.1:8000/x?token=canary', {rest}}}\n")
    };
    let heard = || {
        let heard = machine.sh("cat /root/heard 2> /dev/null; rm -f /root/heard").success().stdout;
        heard.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>()
    };
    let post = request("action: post, message: '{\"a\": 1}', headers: {X-Key: canary2}");
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{post}"));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("POST http://127.0.0.1:8000/x?(sensitive)"), "{plan}");
    assert_eq!(heard(), [""; 0], "a plan sends nothing");
    let sent = converge(&machine, &post).exits(2);
    assert!(!format!("{plan}{sent}").contains("canary"), "{sent}");
    assert_eq!(heard(), [r#"POST /x?token=canary canary2 {"a": 1}"#]);
    machine.sh("! grep -r canary /var/lib/brasa").success();
    for action in ["get", "put", "patch", "delete", "head", "options"] {
        converge(&machine, &request(&format!("action: {action}"))).exits(2);
        assert_eq!(heard(), [format!("{} /x?token=canary None", action.to_uppercase())]);
    }
    // Only when something else changed.
    let told =
        "- {type: file, name: /etc/motd, content: x, notifies: {action: post, resource: 'http_request[tell]'}}\n";
    let both = format!("{}{told}", request("action: nothing"));
    converge(&machine, &both).exits(2);
    assert_eq!(heard().len(), 1);
    converge(&machine, &both).success();
    assert_eq!(heard(), [""; 0]);
    let broken = request("action: put").replace("/x?token=canary", "/broken");
    let failed = converge(&machine, &broken).exits(1);
    assert!(
        failed
            .stderr
            .contains("PUT `http://127.0.0.1:8000/broken` was answered with 503 Service Unavailable: out of order"),
        "{failed}"
    );
    assert_eq!(heard().len(), 1, "it is sent once");
    let nobody = request("action: get").replace(":8000", ":8001");
    let failed = converge(&machine, &nobody).exits(1);
    assert!(failed.stderr.contains("Connection refused") && !failed.stderr.contains("canary"), "{failed}");
    Ok(())
}

#[test]
fn a_group_tells_all_it_notifies_and_a_wait_lets_time_pass() -> Result<()> {
    let machine = machine()?;
    let tells = |to: &str| format!("{{action: run, resource: '{to}', timing: immediately}}");
    let listener = |name: &str| {
        format!("- {{type: execute, name: {name}, command: 'echo {name} >> /root/told', action: nothing}}\n")
    };
    let group = format!(
        "- {{type: notify_group, name: changed, notifies: [{}, {}]}}\n",
        tells("execute[one]"),
        tells("execute[two]")
    );
    let file = format!("- {{type: file, name: /etc/motd, content: x, notifies: {}}}\n", tells("notify_group[changed]"));
    settle(&machine, &format!("{}{}{group}{file}", listener("one"), listener("two")));
    assert_eq!(machine.read("/root/told"), "one\ntwo\n");
    let wait = "- {type: chef_sleep, name: '2'}\n";
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{wait}"));
    let clock = |command: &str| {
        let script =
            format!("a=$(date +%s%N); {command} > /dev/null 2>&1; b=$(date +%s%N); echo $(((b - a) / 1000000))");
        machine.sh(&script).success().stdout.trim().parse::<u64>().expect("a number")
    };
    assert!(clock("brasa plan") < 1500);
    assert!((2000..6000).contains(&clock("brasa converge")));
    // A signal ends it.
    let long = wait.replace('2', "600");
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{long}"));
    assert_eq!(machine.run(["timeout", "-s", "INT", "2", "brasa", "converge"]).code, 124);
    assert!(machine.run(["brasa", "undo", "last", "--dry-run"]).code < 2);
    Ok(())
}

#[test]
fn a_reboot_is_scheduled_when_the_run_has_succeeded() -> Result<()> {
    let machine = machine()?;
    let scheduled =
        || machine.sh("cat /run/systemd/shutdown/scheduled 2> /dev/null; shutdown -c 2> /dev/null; true").stdout;
    let reboot = |rest: &str| format!("- {{type: reboot, name: kernel, delay_mins: 60, reason: new kernel, {rest}}}\n");
    let file = |name: &str| format!("- {{type: file, name: {name}, content: x}}\n");
    let asked = reboot("action: request_reboot") + &file("/root/after");
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{asked}"));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("reboot after the run, in 60 minutes, unless it fails: new kernel"), "{plan}");
    assert_eq!(scheduled(), "");
    let done = converge(&machine, &asked).exits(35);
    assert!(format!("{done}").contains("the machine is rebooted in 60 minutes: new kernel"), "{done}");
    let state = scheduled();
    assert!(state.contains("MODE=reboot") && state.contains("WALL_MESSAGE=new kernel"), "{state}");
    assert!(machine.exists("/root/after"));
    machine.run(["brasa", "undo", "last"]).success();
    assert!(!machine.exists("/root/after"));
    // A run that fails does not reboot; one may take it back; `reboot_now` ends the run.
    let failed = converge(&machine, &(reboot("action: request_reboot") + &file("/no/where/x"))).exits(1);
    assert!(!format!("{failed}").contains("is rebooted in") && scheduled().is_empty(), "{failed}");
    converge(&machine, &reboot("action: [request_reboot, cancel]")).exits(2);
    assert_eq!(scheduled(), "");
    let now = file("/root/before") + &reboot("action: reboot_now") + &file("/root/never");
    converge(&machine, &now).exits(35);
    assert!(scheduled().contains("MODE=reboot"));
    assert!(machine.exists("/root/before") && !machine.exists("/root/never"));
    // Mostly it is told to, and then only once.
    let told = format!(
        "{}- {{type: file, name: /root/told, content: x, notifies: {{action: request_reboot, resource: 'reboot[kernel]'}}}}\n",
        reboot("action: nothing")
    );
    converge(&machine, &told).exits(35);
    assert!(scheduled().contains("MODE=reboot"));
    converge(&machine, &told).success();
    assert_eq!(scheduled(), "");
    // The reboot is told of also when a delayed notice failed after it was asked for; and where the machine refuses it.
    let late = "- {type: execute, name: late, command: 'false', action: nothing}\n\
                - {type: file, name: /root/late, content: x, notifies: {action: run, resource: 'execute[late]'}}\n";
    let failed = converge(&machine, &(late.to_owned() + &reboot("action: reboot_now"))).exits(35);
    assert!(failed.stderr.contains("execute[late]") && scheduled().contains("MODE=reboot"), "{failed}");
    machine.sh("mkdir /root/bin && printf '#!/bin/sh\\necho no right >&2; exit 1\\n' > /root/bin/shutdown").success();
    machine.sh("chmod +x /root/bin/shutdown && mount --bind /root/bin/shutdown \"$(command -v shutdown)\"").success();
    let refused = converge(&machine, &reboot("action: request_reboot")).exits(41);
    assert!(refused.stderr.contains("no right"), "{refused}");
    Ok(())
}

#[test]
fn a_reboot_at_once_lets_the_run_end_and_be_written_down() -> Result<()> {
    // What the machine leaves behind is to be seen when it is gone: on the host.
    let kept = std::env::temp_dir().join(format!("brasa-reboot-{}", std::process::id()));
    std::fs::create_dir(&kept).expect("a directory for what is kept");
    let machine = site(Container::of(lab::root(DEPLOY)?).bind_writable(&kept, "/kept"))?;
    let resources = "- {type: reboot, name: now, action: reboot_now}\n";
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{resources}"));
    let script =
        "brasa converge > /kept/report 2>&1; echo $? > /kept/code; brasa history > /kept/history; touch /kept/end";
    let _running = machine.spawn(["setsid", "sh", "-c", script]);
    let began = std::time::Instant::now();
    while !kept.join("end").exists() && began.elapsed().as_secs() < 30 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let read = |name: &str| std::fs::read_to_string(kept.join(name)).unwrap_or_default();
    let (code, report, history) = (read("code"), read("report"), read("history"));
    std::fs::remove_dir_all(&kept).expect("what was kept can go");
    assert_eq!(code, "35\n", "{report}");
    assert!(report.contains("the machine is rebooted at once"), "{report}");
    assert!(history.contains("1 changed") && !history.contains("interrupted"), "{history}");
    Ok(())
}

#[test]
fn what_is_there_is_shown_as_a_recipe_that_has_nothing_to_do() -> Result<()> {
    let machine = machine()?;
    serve(&machine);
    let before = "set -e; git clone -q git://127.0.0.1/app.git /opt/app; chown -R deploy: /opt/app
        su deploy -c 'git -C /opt/app checkout -q plain 2>&1'
        install -d -m 700 -o deploy -g deploy /home/deploy/.ssh
        one='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDtw0CXOv3+cZAGVZSKZCstLkew2rsNy7vKLgh2tNVz'
        printf '%s\\n' \"restrict $one me\" 'restrict ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f' > /home/deploy/.ssh/authorized_keys
        chown deploy: /home/deploy/.ssh/authorized_keys; chmod 600 /home/deploy/.ssh/authorized_keys
        mkdir -p /etc/ssh; echo \"git.example.com $one\" > /etc/ssh/ssh_known_hosts
        printf 'Port 22\\n# BEGIN brasa: x\\na: b\\n# END brasa: x\\n' > /etc/conf";
    machine.sh(before).success();
    let mut recipe = String::new();
    for question in [
        "git /opt/app",
        "ssh_authorized_key",
        "ssh_known_hosts_entry",
        "line port path=/etc/conf matching=^Port",
        "block x path=/etc/conf",
    ] {
        let words = ["brasa", "resource"].into_iter().chain(question.split(' '));
        let told = machine.run(words.collect::<Vec<_>>()).success().stdout;
        assert!(!told.contains("not said") && !told.contains("action: nothing"), "{told}");
        recipe += told.strip_prefix("resources:\n").expect("it is a recipe");
    }
    for part in ["user: deploy", "options: restrict", "name: git.example.com", "line: \"Port 22\""] {
        assert!(recipe.contains(part), "{part}: {recipe}");
    }
    converge(&machine, &recipe).success();
    // It brings back what is taken away.
    let taken =
        "rm -r /opt/app /home/deploy/.ssh && sed -i 's/22/23/; /a: b/d' /etc/conf && : > /etc/ssh/ssh_known_hosts";
    machine.sh(taken).success();
    settle(&machine, &recipe);
    assert_eq!(machine.read("/opt/app/file"), "1\n");
    Ok(())
}
