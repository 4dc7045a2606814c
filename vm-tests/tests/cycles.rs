//! The whole life of what each kind declares, on a real system: planned, converged, converged again, drifted, repaired, taken back.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, EL9, Result, SYSTEM, cycle, site};

/// What is declared, a script that shows it as its users see it, and what others do to it.
type Life<'l> = (&'l str, &'l str, &'l [&'l str]);

fn live(machine: &Container, lives: &[Life<'_>]) {
    for (resource, look, drifts) in lives {
        cycle(machine, &format!("- {resource}\n"), look, drifts);
    }
}

/// Kinds that any system has the readers of.
const ANYWHERE: &[Life<'_>] = &[
    (
        "{type: user, name: ana, uid: 4201, home: /srv/ana, manage_home: true, shell: /bin/sh, comment: Ana}",
        "getent passwd ana; getent shadow ana | cut -d: -f2; ls -ld --time-style=+ /srv/ana",
        &["usermod -s /bin/false -c x ana", "usermod -u 4999 ana"],
    ),
    (
        "{type: group, name: crew, gid: 4300, members: [root, games]}",
        "getent group crew",
        &["gpasswd -d games crew", "groupmod -g 4999 crew"],
    ),
    (
        "{type: file, name: /srv/f, content: \"a\\n\", mode: '0640', owner: root, group: games}",
        "cat /srv/f; stat -c '%a %U:%G' /srv/f",
        &[
            "echo b > /srv/f",
            "chmod 777 /srv/f && chown games /srv/f",
            "rm /srv/f",
            "rm /srv/f && ln -s /etc/passwd /srv/f && rm /srv/f",
        ],
    ),
    (
        "{type: directory, name: /srv/d/e, recursive: true, mode: '0750'}",
        "stat -c '%a %U:%G %n' /srv/d /srv/d/e",
        &["rm -r /srv/d", "chmod 700 /srv/d/e"],
    ),
    ("{type: link, name: /srv/l, to: /etc/hosts}", "readlink /srv/l", &["rm /srv/l", "ln -sfn /etc/passwd /srv/l"]),
    (
        "{type: line, name: db, path: /etc/hosts, line: 10.0.0.1 db}",
        "cat /etc/hosts",
        &["sed -i /10.0.0.1/d /etc/hosts"],
    ),
    (
        "{type: block, name: site, path: /etc/hosts, text: \"10.0.0.2 web\\n10.0.0.3 mail\\n\"}",
        "cat /etc/hosts",
        &["sed -i s/10.0.0.3/10.0.0.4/ /etc/hosts", "sed -i '/brasa/d; /10.0.0.[23]/d' /etc/hosts"],
    ),
    (
        "{type: setting, name: port, path: /srv/app.conf, key: PORT, value: '8080'}",
        "cat /srv/app.conf",
        &["sed -i s/8080/1/ /srv/app.conf", "sed -i /PORT/d /srv/app.conf"],
    ),
    (
        "{type: hostname, name: web1, fqdn: web1.lab.example}",
        "hostname; hostname -f; cat /etc/hostname; grep web1 /etc/hosts",
        &["hostname other", "echo other > /etc/hostname", "sed -i s/web1.lab/web1.elsewhere/ /etc/hosts"],
    ),
    (
        "{type: timezone, name: America/Argentina/Ushuaia}",
        "date -d @0 +%z; readlink /etc/localtime; cat /etc/timezone",
        &["ln -sfn /usr/share/zoneinfo/Asia/Tokyo /etc/localtime"],
    ),
    (
        "{type: user_ulimit, name: ana, filehandle_limit: 321, core_soft_limit: 0}",
        "cat /etc/security/limits.d/*ana*; su -s /bin/sh ana -c 'ulimit -n; ulimit -Sc'",
        &["sed -i s/321/320/ /etc/security/limits.d/*ana*", "rm /etc/security/limits.d/*ana*"],
    ),
    (
        "{type: systemd_unit, name: systemd-journald.service, drop_in: lab.conf, action: create, content: {Service: {Nice: 3}}}",
        "systemctl show -p Nice systemd-journald; cat /etc/systemd/system/systemd-journald.service.d/*",
        &[
            "echo Nice=4 >> /etc/systemd/system/systemd-journald.service.d/lab.conf && systemctl daemon-reload",
            "rm -r /etc/systemd/system/systemd-journald.service.d && systemctl daemon-reload",
        ],
    ),
    (
        "{type: systemd_unit, name: lab.service, action: [create, enable, start], content: {Service: {ExecStart: /bin/sleep infinity}, Install: {WantedBy: multi-user.target}}}",
        "systemctl show -p ActiveState,UnitFileState,LoadState lab; cat /etc/systemd/system/lab.service",
        &["systemctl stop lab", "systemctl disable lab"],
    ),
    (
        "{type: sysctl, name: net.ipv4.ip_local_port_range, value: [20000, 30000]}",
        "sysctl -n net.ipv4.ip_local_port_range; cat /etc/sysctl.d/99-chef-*",
        &["echo '1024 2048' > /proc/sys/net/ipv4/ip_local_port_range", "rm /etc/sysctl.d/99-chef-*"],
    ),
    (
        "{type: cookbook_file, name: /srv/logo, source: logo, mode: '0644'}",
        "cat /srv/logo; stat -c '%a %U:%G' /srv/logo",
        &["echo x > /srv/logo", "rm /srv/logo"],
    ),
    (
        "{type: template, name: /srv/page, source: page.tera, variables: {name: site}}",
        "cat /srv/page",
        &["echo x > /srv/page", "rm /srv/page"],
    ),
    (
        "{type: remote_file, name: /srv/copy, source: 'file:///etc/passwd'}",
        "cmp /srv/copy /etc/passwd; ls /srv/copy",
        &["echo x > /srv/copy", "rm /srv/copy"],
    ),
    (
        "{type: archive_file, name: /srv/a.tar.gz, destination: /srv/out, overwrite: true}",
        "cd /srv/out && find . | sort && cat etc/* && stat -c '%a %U:%G %n' etc/*",
        &["rm /srv/out/etc/*", "for f in /srv/out/etc/*; do echo x > $f; done"],
    ),
];

/// What the lives above need.
const BEFORE: &str = "mkdir -p /srv && echo HOST=x > /srv/app.conf && tar -C / -czf /srv/a.tar.gz etc/hosts etc/passwd";

fn anywhere(base: Base) -> Result<()> {
    let machine = site(Container::of(lab::root(base)?))?;
    let site = "/etc/brasa/cookbooks/site";
    machine.write(&format!("{site}/files/logo"), b"\x00\xff");
    machine.write(&format!("{site}/templates/page.tera"), "welcome to {{ name }}\n");
    machine.sh(BEFORE).success();
    live(&machine, ANYWHERE);
    Ok(())
}

#[test]
fn on_debian() -> Result<()> {
    anywhere(SYSTEM)
}

#[test]
fn on_enterprise_linux() -> Result<()> {
    anywhere(EL9)
}

#[test]
fn with_what_packages_bring() -> Result<()> {
    let debian = site(Container::of(lab::root(SYSTEM)?).repository(&lab::deb_repo()?))?;
    debian.run(["apt-get", "-qq", "update"]).success();
    let enterprise = site(Container::of(lab::root(EL9)?).repository(&lab::rpm_repo()?))?;
    let of_debian = (
        "dpkg-query -W -f '${Version} ${db:Status-Status}\\n' lab-app lab-small-01 2>/dev/null | grep ' installed'",
        "apt-get -qq -y purge",
    );
    for (machine, (look, remove)) in
        [(debian, of_debian), (enterprise, ("rpm -q lab-app lab-small-01", "dnf -q -y remove"))]
    {
        let drifts = [format!("{remove} lab-app"), format!("{remove} lab-small-01")];
        let drifts: Vec<&str> = drifts.iter().map(String::as_str).collect();
        live(&machine, &[("{type: package, name: the lab's, package_name: [lab-app, lab-small-01]}", look, &drifts)]);
    }
    Ok(())
}

#[test]
fn with_a_service_of_a_package() -> Result<()> {
    let machine = site(Container::of(lab::root(SYSTEM)?))?;
    let look = "systemctl show -p ActiveState,UnitFileState cron";
    live(
        &machine,
        &[
            (
                "{type: service, name: cron, action: [stop, disable]}",
                look,
                &["systemctl start cron", "systemctl enable cron"],
            ),
            (
                "{type: service, name: cron, action: [enable, start]}",
                look,
                &["systemctl stop cron", "systemctl disable cron"],
            ),
            (
                "{type: service, name: cron, action: [stop, mask]}",
                look,
                &["systemctl unmask cron && systemctl start cron"],
            ),
        ],
    );
    Ok(())
}

#[test]
fn with_what_reads_rules_and_jobs() -> Result<()> {
    let machine = site(Container::of(lab::root(SYSTEM)?))?;
    machine.sh("useradd -m deploy && useradd -m eve").success();
    machine.sh("mkdir -p /etc/brasa/cookbooks/site/files/www/sub && echo a > /etc/brasa/cookbooks/site/files/www/index && echo b > /etc/brasa/cookbooks/site/files/www/sub/page").success();
    live(
        &machine,
        &[
            (
                "{type: sudo, name: web, users: deploy, commands: [/usr/bin/id -u], nopasswd: true}",
                "su deploy -c 'sudo -n /usr/bin/id -u; sudo -n /usr/bin/id'; cat /etc/sudoers.d/*",
                &["echo 'deploy ALL=(ALL) NOPASSWD: ALL' >> /etc/sudoers.d/web", "rm /etc/sudoers.d/web"],
            ),
            (
                "{type: cron_access, name: eve, action: deny}",
                "su eve -c 'crontab -l'; cat /etc/cron.deny",
                &["sed -i /eve/d /etc/cron.deny", "rm /etc/cron.deny"],
            ),
            (
                "{type: cron_d, name: clock, command: 'true', minute: '5', user: deploy}",
                "cat /etc/cron.d/clock; stat -c '%a %U:%G' /etc/cron.d/clock",
                &["sed -i s/5/6/ /etc/cron.d/clock", "chmod 666 /etc/cron.d/clock", "rm /etc/cron.d/clock"],
            ),
            (
                "{type: cron, name: clock, command: 'true', minute: '5', user: deploy}",
                "crontab -u deploy -l",
                &["crontab -u deploy -l | sed s/5/6/ | crontab -u deploy -", "crontab -u deploy -r"],
            ),
            (
                "{type: kernel_module, name: lab-module, action: [blacklist, disable]}",
                "modprobe --showconfig | grep lab_module; ls /etc/modprobe.d",
                &["rm /etc/modprobe.d/*lab*"],
            ),
            (
                "{type: apt_preference, name: lab-app, pin: version 1.0*, pin_priority: 1001}",
                "apt-cache policy lab-app; cat /etc/apt/preferences.d/*",
                &["sed -i s/1001/5/ /etc/apt/preferences.d/*", "rm /etc/apt/preferences.d/*"],
            ),
            (
                "{type: remote_directory, name: /srv/www, source: www, files_mode: '0640', purge: true}",
                "cd /srv/www && find . -type f -exec stat -c '%a %U:%G %n' {} + | sort; cat index sub/page",
                &[
                    "rm /srv/www/index",
                    "echo x > /srv/www/sub/page; chmod 777 /srv/www/sub/page",
                    "touch /srv/www/sub/more",
                ],
            ),
        ],
    );
    Ok(())
}

#[test]
fn with_what_reads_languages_and_keys() -> Result<()> {
    let packages = &["locales", "openssh-server", "openssh-client"];
    let machine =
        site(Container::of(lab::root(Base { name: "debian-base", suite: "bookworm", packages, el: false })?))?;
    machine.sh("useradd -m -s /bin/sh ann && mkdir -p /run/sshd && /usr/sbin/sshd -p 2222").success();
    machine.sh("ssh-keygen -q -t ed25519 -N '' -C me -f /root/key").success();
    let (key, host) = (machine.read("/root/key.pub"), machine.read("/etc/ssh/ssh_host_ed25519_key.pub"));
    let known = format!("{{type: ssh_known_hosts_entry, name: 127.0.0.1, port: 2222, key: '{}'}}", host.trim());
    let let_in = format!("{{type: ssh_authorized_key, name: ann, key: '{}'}}", key.trim());
    let login = "ssh -n -i /root/key -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=yes ann@127.0.0.1 id -un; cat /etc/ssh/ssh_known_hosts ~ann/.ssh/authorized_keys";
    live(
        &machine,
        &[
            (
                "{type: locale, name: german, lang: de_DE.UTF-8, lc_env: {LC_TIME: en_GB.utf8}}",
                "su - root -c 'locale' | sort; grep -v '^#' /etc/default/locale",
                &[
                    "sed -i s/de_DE/C/ /etc/default/locale",
                    "localedef --delete-from-archive en_GB.utf8; sed -i /LC_TIME/d /etc/default/locale",
                ],
            ),
            (&known, login, &[": > /etc/ssh/ssh_known_hosts"]),
            (&let_in, login, &[": > ~ann/.ssh/authorized_keys", "rm -r ~ann/.ssh"]),
        ],
    );
    Ok(())
}
