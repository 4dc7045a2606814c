//! Every example, as a recipe.
use brasa::prelude::*;

#[derive(serde::Serialize)]
struct Motd<'a> {
    name: &'a str,
}

static MOTD: template::Source<Motd> = template::Source::new("motd.tera", "Welcome to {{ name }}\n");

const TIMER: &str = "[Timer]\nOnCalendar=hourly\n\n[Install]\nWantedBy=timers.target\n";

/// Paths may be managed by several kinds here, but each kind names each only once.
pub fn examples(r: &mut Recipe) -> Result<()> {
    r.add(Alternatives::named("editor").path("/usr/bin/vim.basic").priority(100));
    r.add(ApkPackage::named("nginx"));
    r.add(AptPackage::named("nginx").default_release("bookworm-backports"));
    r.add(AptPreference::named("nginx").pin("release a=bookworm-backports").pin_priority(700));
    r.add(
        AptRepository::named("example")
            .uri("https://example.com/debian")
            .components("main")
            .key("/usr/share/keyrings/example.gpg"),
    );
    r.add(AptUpdate::new("daily").frequency(86_400));
    r.add(ArchiveFile::at("/var/cache/app-1.2.tar.gz").destination("/opt/app").strip_components(1_u32));
    r.add(Bash::new("unpack").cwd("/opt").code("tar xf tool.tar\n./tool/install").creates("/opt/tool/bin"));
    r.add(Block::in_file("/etc/hosts", "cluster").text("10.0.0.1 one\n10.0.0.2 two\n"));
    r.add(ChefSleep::of(5).nothing());
    r.add(CookbookFile::at("/etc/motd").source(include_bytes!("../files/motd")));
    r.add(Cron::named("backup").minute("30").hour("4").user("deploy").command("/usr/local/bin/backup"));
    r.add(CronAccess::of("deploy"));
    r.add(CronD::named("backup").minute("30").hour("4").command("/usr/local/sbin/backup"));
    r.add(Directory::at("/etc/dyndns_keys").mode(0o700));
    r.add(
        DnsRecord::of("www.example.com")
            .values(["192.0.2.10", "192.0.2.11"])
            .server("ns1.example.com")
            .key_file("/etc/dyndns_keys/tsig.private"),
    );
    r.add(DnfModule::named("nodejs:20"));
    r.add(DnfPackage::named("httpd"));
    r.add(DpkgPackage::named("tool").source("/srv/tool_1.0_all.deb"));
    r.add(Execute::new("reload dns", ["rndc", "reload"]).nothing());
    r.add(File::at("/etc/motd").content("welcome\n").mode(0o644));
    r.add(GemPackage::named("rake").version("13.0.6"));
    r.add(Git::at("/srv/app").repository("https://git.example.com/app.git").revision("v1.2"));
    r.add(Group::named("docker").members(["deploy"]).append(true));
    r.add(Hostname::named("web1").fqdn("web1.example.com"));
    r.add(HttpRequest::new("deployed", "https://example.com/hook").message("{}").action([http_request::Post]));
    r.add(KernelModule::named("loop").options(["max_loop=4"]));
    r.add(Line::in_file("/etc/ssh/sshd_config", "PermitRootLogin no").matching("^#?PermitRootLogin\\b"));
    r.add(Link::at("/usr/local/bin/python").to("/usr/bin/python3"));
    r.add(Locale::named("german").lang("de_DE.UTF-8").lc_env([("LC_MESSAGES", "C.UTF-8")]));
    r.add(Log::new("no server is configured: nothing will be updated").level(LogLevel::Warn));
    r.add(Mount::at("/srv").device("/dev/vdb1").fstype("ext4").action([mount::Mounted, mount::Enable]));
    r.add(NotifyGroup::named("certificate changed"));
    r.add(OpensslEcPrivateKey::at("/etc/ssl/private/web.key").key_curve("secp384r1"));
    r.add(OpensslRsaPrivateKey::at("/etc/ssl/private/web.key").key_length(4096_u32));
    r.add(OpensslX509Certificate::at("/etc/ssl/web.pem").common_name("www.example.com").renew_before_expiry(30_u32));
    r.add(OpensslX509Request::at("/etc/ssl/web.csr").common_name("www.example.com"));
    r.add(Package::all(["bind9", "bind9-utils"]));
    r.add(PacmanPackage::named("nginx"));
    r.add(Reboot::named("for the new kernel").delay_mins(1_u32));
    r.add(RemoteDirectory::at("/srv/www").source(files!("../files/site", "index.html", "css/site.css")));
    r.add(RemoteFile::at("/usr/local/bin/tool").source("https://example.com/tool").mode(0o755));
    r.add(RpmPackage::named("tool").source("/srv/tool-1.0-1.noarch.rpm"));
    r.add(Script::new("greet").interpreter("python3").code("print('hello')").creates("/var/lib/greeted"));
    r.add(SelinuxBoolean::named("httpd_can_network_connect").value(true));
    r.add(SelinuxFcontext::matching("/srv/www(/.*)?").secontext("httpd_sys_content_t"));
    r.add(SelinuxPermissive::of("httpd_t"));
    r.add(SelinuxPort::numbered(8443).protocol("tcp").secontext("http_port_t"));
    r.add(SelinuxState::named("mode").action(selinux_state::Enforcing));
    r.add(Service::named("named").action([service::Enable, service::Start]));
    r.add(Setting::in_file("/etc/systemd/journald.conf", "SystemMaxUse", "200M").section("Journal").separator("="));
    r.add(Sh::new("swap").code("mkswap /swap\nswapon /swap").nothing());
    r.add(SnapPackage::named("hello").options("--channel=beta"));
    r.add(
        SshAuthorizedKey::of("deploy")
            .key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDtw0CXOv3+cZAGVZSKZCstLkew2rsNy7vKLgh2tNVz ann")
            .options("restrict"),
    );
    r.add(
        SshKnownHostsEntry::of("git.example.com")
            .key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDtw0CXOv3+cZAGVZSKZCstLkew2rsNy7vKLgh2tNVz"),
    );
    r.add(Sudo::named("deploy").users("deploy").commands("/usr/bin/systemctl restart web").nopasswd(true));
    r.add(SwapFile::at("/swapfile").size(2048_u32).persist(true));
    r.add(Sysctl::key_named("vm.swappiness").value(10));
    r.add(SystemdUnit::named("ddns.timer").content(TIMER).action([systemd_unit::Create, systemd_unit::Enable]));
    r.add(
        SystemdUnit::named("nginx.service")
            .drop_in("limits.conf")
            .content("[Service]\nLimitNOFILE=65536\n")
            .action(systemd_unit::Create),
    );
    r.add(Template::render("/etc/motd", &MOTD, Motd { name: "web1" })?.mode(0o644));
    r.add(Timezone::of("Europe/Berlin"));
    r.add(User::named("deploy").shell("/bin/bash").home("/srv/deploy").manage_home(true));
    r.add(UserUlimit::of("tomcat").filehandle_limit(8192).process_limit("unlimited"));
    r.add(YumRepository::named("example").baseurl("https://example.com/el9").gpgkey("https://example.com/key.asc"));
    r.add(YumPackage::named("httpd"));
    r.add(ZypperPackage::named("nginx"));
    Ok(())
}
