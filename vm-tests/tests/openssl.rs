//! Keys and certificates by the real openssl, and by what else reads them.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, DEBIAN, Result, converge, settle, site};

fn machine() -> Result<Container> {
    site(Container::of(lab::root(DEBIAN)?).without_init())
}

fn plan(machine: &Container, resources: &str) -> lab::Output {
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{resources}"));
    machine.run(["brasa", "plan", "--detailed-exitcode"])
}

#[test]
fn keys_are_made_once_and_are_nobodys_business() -> Result<()> {
    let machine = machine()?;
    machine.sh("mkdir -p /srv/d").success();
    let rsa = "- {type: openssl_rsa_private_key, name: /srv/d/rsa.key, key_length: 3072}\n";
    let ec = "- {type: openssl_ec_private_key, name: /srv/d/ec.key, key_curve: secp384r1, key_pass: hunter2canary, group: www-data, mode: '0640'}\n";
    plan(&machine, &format!("{rsa}{ec}")).exits(2);
    assert_eq!(machine.sh("ls -A /srv/d").stdout, "");
    let first = settle(&machine, &format!("{rsa}{ec}"));
    assert!(!format!("{first}").contains("PRIVATE") && !format!("{first}").contains("hunter2canary"), "{first}");
    let seen = "cd /srv/d && stat -c '%a %U:%G' rsa.key ec.key && openssl rsa -in rsa.key -noout -text | head -1 && head -1 ec.key && \
                PW=hunter2canary openssl pkey -in ec.key -passin env:PW -noout -text | grep OID";
    assert_eq!(
        machine.sh(seen).success().stdout,
        "600 root:root\n640 root:www-data\nPrivate-Key: (3072 bit, 2 primes)\n-----BEGIN ENCRYPTED PRIVATE KEY-----\nASN1 OID: secp384r1\n"
    );
    machine.sh("! grep -rlE 'hunter2canary|PRIVATE KEY' /var/lib/brasa /run/brasa 2> /dev/null").success();
    // A key that is there stays, whatever its length; its mode is repaired.
    let before = machine.read("/srv/d/rsa.key");
    machine.sh("chmod 644 /srv/d/rsa.key").success();
    settle(&machine, &rsa.replace("3072", "2048"));
    assert_eq!(machine.read("/srv/d/rsa.key"), before);
    settle(&machine, &rsa.replace("3072", "2048, force: true"));
    assert_ne!(machine.read("/srv/d/rsa.key"), before);
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(machine.read("/srv/d/rsa.key"), before);
    let wrong = converge(&machine, &ec.replace("hunter2canary", "wrong")).exits(1);
    assert!(wrong.stderr.contains("is no private key that openssl can read"), "{wrong}");
    // A key is shown by its sort, and by nothing that is in it.
    let shown =
        machine.run(["brasa", "resource", "openssl_ec_private_key", "/srv/d/rsa.key", "--private"]).success().stdout;
    let told = "type: openssl_rsa_private_key\n    name: /srv/d/rsa.key\n    action: create\n    key_length: 3072\n";
    assert!(shown.contains(told) && !shown.contains("PRIVATE"), "{shown}");
    converge(&machine, shown.trim_start_matches("resources:\n")).success();
    let locked = machine.run(["brasa", "resource", "openssl_ec_private_key", "/srv/d/ec.key"]).success().stdout;
    assert!(locked.contains("action: nothing") && locked.contains("it is encrypted"), "{locked}");
    // A key that is not encrypted yet is, and stays the same key.
    let public = |pass: &str| {
        machine.sh(&format!("PW={pass} openssl pkey -in /srv/d/rsa.key -passin env:PW -pubout")).success().stdout
    };
    let (half, encrypted) = (public(""), rsa.replace('}', ", key_pass: hunter2canary}"));
    let planned = plan(&machine, &encrypted).exits(2);
    assert!(!format!("{planned}").contains("PRIVATE") && machine.read("/srv/d/rsa.key") == before, "{planned}");
    let told = settle(&machine, &encrypted);
    assert!(!format!("{told}").contains("PRIVATE"), "{told}");
    assert!(machine.read("/srv/d/rsa.key").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    assert_eq!(public("hunter2canary"), half);
    converge(&machine, rsa).exits(1);
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(machine.read("/srv/d/rsa.key"), before);
    machine.sh(": > /srv/d/rsa.key").success();
    converge(&machine, rsa).exits(1);
    settle(&machine, &rsa.replace('}', ", force: true}"));
    Ok(())
}

#[test]
fn a_certificate_says_what_is_declared_until_it_ends() -> Result<()> {
    let machine = machine()?;
    machine.sh("mkdir -p /srv/d").success();
    let own = "- {type: openssl_x509_certificate, name: /srv/d/web.pem, common_name: \"å 'www' \\\"x\\\" $HOME #1\", country: DE, org: 'A, B + C=D', \
               subject_alt_name: ['DNS:www.example.com', 'IP:2001:db8::1', 'email:a@example.com']}\n";
    plan(&machine, own).exits(2);
    settle(&machine, own);
    let text = machine.sh("openssl x509 -in /srv/d/web.pem -noout -text -nameopt utf8").success().stdout;
    for part in [
        "å 'www' \"x\" $HOME #1",
        "A, B + C=D",
        "DNS:www.example.com",
        "2001:DB8",
        "CA:TRUE",
        "sha256WithRSAEncryption",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    machine.run(["openssl", "verify", "-CAfile", "/srv/d/web.pem", "/srv/d/web.pem"]).success();
    assert_eq!(machine.sh("cd /srv/d; stat -c %a web.pem web.key").stdout, "644\n600\n");
    let (key, before) = (machine.read("/srv/d/web.key"), machine.read("/srv/d/web.pem"));
    // Another subject, another key, something else in its place: it is made anew. By the same key where it is there.
    settle(&machine, &own.replace("DE", "SE"));
    assert!(machine.read("/srv/d/web.pem") != before && machine.read("/srv/d/web.key") == key);
    settle(&machine, &own.replace("DNS:www", "DNS:mail"));
    machine.sh("rm /srv/d/web.key").success();
    settle(&machine, own);
    machine.sh("echo x > /srv/d/web.pem").success();
    settle(&machine, own);
    // One that ends soon is made anew only when that is asked for.
    settle(&machine, &own.replace("DE,", "FI, expire: 10,"));
    converge(&machine, &own.replace("DE,", "FI, renew_before_expiry: 9,")).success();
    settle(&machine, &own.replace("DE,", "FI, renew_before_expiry: 11,"));
    machine.sh("openssl x509 -in /srv/d/web.pem -noout -checkend $((300 * 86400))").success();
    Ok(())
}

#[test]
fn an_authority_signs_a_server_that_clients_believe() -> Result<()> {
    let machine = machine()?;
    machine.sh("mkdir -p /srv/d").success();
    let ca = "- {type: openssl_ec_private_key, name: /srv/d/ca.key, key_pass: capass}\n\
              - {type: openssl_x509_certificate, name: /srv/d/ca.pem, common_name: Lab CA, key_pass: capass, expire: 3650}\n";
    let signed = "ca_cert_file: /srv/d/ca.pem, ca_key_file: /srv/d/ca.key, ca_key_pass: capass";
    let leaf = format!(
        "- {{type: openssl_x509_certificate, name: /srv/d/web.pem, common_name: localhost, key_type: ec, {signed}, subject_alt_name: 'DNS:localhost', \
         extensions: {{keyUsage: {{values: digitalSignature, critical: true}}, extendedKeyUsage: {{values: serverAuth, critical: false}}}}}}\n"
    );
    let csr = "- {type: openssl_x509_request, name: /srv/d/other.csr, common_name: other.example.com, org: Lab, subject_alt_name: 'DNS:other'}\n";
    let by_csr =
        format!("- {{type: openssl_x509_certificate, name: /srv/d/other.pem, csr_file: /srv/d/other.csr, {signed}}}\n");
    let all = format!("{ca}{leaf}{csr}{by_csr}");
    // The plan makes all of it from keys that are only in its memory.
    let planned = plan(&machine, &all).exits(2);
    assert!(planned.stdout.contains("openssl_x509_certificate[/srv/d/other.pem]"), "{planned}");
    let first = settle(&machine, &all);
    assert!(!format!("{first}").contains("PRIVATE") && !format!("{first}").contains("capass"), "{first}");
    machine.sh("cd /srv/d && openssl verify -purpose sslserver -verify_hostname localhost -CAfile ca.pem web.pem && openssl verify -CAfile ca.pem other.pem").success();
    let text = machine
        .sh("cd /srv/d && openssl x509 -in web.pem -noout -text && openssl x509 -in other.pem -noout -subject")
        .success()
        .stdout;
    for part in ["X509v3 Key Usage: critical", "TLS Web Server Authentication", "CN = other.example.com"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    machine.sh("openssl req -in /srv/d/other.csr -noout -verify -text | grep -q DNS:other").success();
    let served = "cd /srv/d && { openssl s_server -accept 8443 -cert web.pem -key web.key -quiet & } && \
                  for i in 1 2 3 4 5 6 7 8 9 10; do echo Q | openssl s_client -connect localhost:8443 -CAfile ca.pem -verify_return_error > /srv/out 2>&1 && break; sleep 0.2; done; \
                  kill %1; grep 'Verify return code' /srv/out";
    assert!(machine.sh(served).stdout.contains("0 (ok)"));
    // Another authority of another name: what it signed before no longer holds.
    settle(&machine, &all.replace("Lab CA", "Lab CA 2"));
    machine.sh("cd /srv/d && openssl verify -CAfile ca.pem web.pem other.pem").success();
    machine.run(["brasa", "undo", "last"]).success();
    machine.run(["openssl", "verify", "-CAfile", "/srv/d/ca.pem", "/srv/d/web.pem"]).success();
    let refused =
        converge(&machine, &leaf.replace("ca_key_pass: capass", "ca_key_pass: another").replace("web.pem", "new.pem"))
            .exits(1);
    assert!(refused.stderr.contains("openssl made no certificate"), "{refused}");
    assert!(!machine.exists("/srv/d/new.pem") && !machine.exists("/srv/d/new.key"));
    Ok(())
}
