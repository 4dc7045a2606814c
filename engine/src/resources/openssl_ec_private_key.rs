//! `openssl_ec_private_key[path]`
pub use super::private_key::{Action, Action::*};
use super::{
    openssl::{CURVE, Sort},
    private_key::{name_fault, private_key},
};

private_key! {
    /// A private key on an elliptic curve, made by `openssl` where there is none. One that is there is kept, if openssl can
    /// read it. What is in it is in no report, and nobody but its owner can read it at any moment. A plan makes one too, and
    /// throws it away.
    pub struct OpensslEcPrivateKey("openssl_ec_private_key") {
        /// The curve of a new one by openssl's name: `prime256v1` (when not given), `secp384r1`, `secp521r1` or another.
        key_curve: String,
    }
    example r#"r.add(OpensslEcPrivateKey::at("/etc/ssl/private/web.key").key_curve("secp384r1"));"#
    sort |key| Sort::Ec(key.key_curve.as_deref().unwrap_or(CURVE));
    faults |key| name_fault("key_curve", key.key_curve.as_deref());
}

#[cfg(test)]
mod tests {
    use super::{super::openssl_rsa_private_key::OpensslRsaPrivateKey, Create, OpensslEcPrivateKey};
    use crate::{
        host::Fake,
        resource::{Resource as _, prepare, step},
        resources::trial::{done, faults, refused},
    };

    const NEW: &str = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n";
    const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\ncanary\n-----END ENCRYPTED PRIVATE KEY-----\n";
    const ASKED: &str = "openssl pkey -in /dev/stdin -passin env:BRASA_KEY_PASS -pubout -text_pub";

    fn ec() -> OpensslEcPrivateKey {
        OpensslEcPrivateKey::at("/etc/ssl/web.key")
    }

    fn machine() -> Fake {
        Fake::new()
            .with_directory("/etc/ssl")
            .with_answer("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1", 0, NEW)
            .with_answer("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp384r1", 0, NEW)
            .with_answer(
                "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes-256-cbc -pass env:BRASA_KEY_PASS",
                0,
                ENCRYPTED,
            )
            .with_answer(ASKED, 0, "Public-Key: (256 bit)\nASN1 OID: prime256v1\n")
    }

    #[test]
    fn a_key_is_made_once_and_shown_nowhere() {
        let written = format!("write /etc/ssl/web.key {NEW:?} 0600 root:root backup 5");
        assert_eq!(done(&ec(), Create, &mut machine()), [written.as_str()]);
        let rsa = OpensslRsaPrivateKey::at("/etc/ssl/web.key").key_pass("pw-canary");
        assert_eq!(
            done(&rsa, Create, &mut machine()),
            [written.replace(&format!("{NEW:?}"), &format!("{ENCRYPTED:?}"))]
        );
        let changed = prepare(&ec(), Create, false, &machine()).unwrap().unwrap().into_changed();
        let told = serde_json::to_string(&changed).unwrap();
        assert!(!told.contains("canary") && changed.diffs.is_empty(), "{told}");
        // One that is there stays, and nobody but its owner reads it.
        let mut open = machine().with_file("/etc/ssl/web.key", "another key");
        assert_eq!(done(&ec().key_curve("secp384r1"), Create, &mut open), ["set /etc/ssl/web.key 0600 root:root"]);
    }

    #[test]
    fn a_key_that_is_not_encrypted_yet_is_and_stays_the_same() {
        let with = |key: &str| {
            let machine = machine().with_file("/etc/ssl/web.key", key);
            machine.with_answer("openssl pkey -in /dev/stdin -aes-256-cbc -passout env:BRASA_KEY_PASS", 0, ENCRYPTED)
        };
        let ec = ec().key_pass("pw-canary").mode(0o644);
        let write = format!("write /etc/ssl/web.key {ENCRYPTED:?} 0644 root:root backup 5");
        assert_eq!(done(&ec, Create, &mut with(NEW)), [write]);
        for key in [ENCRYPTED, "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"] {
            assert_eq!(done(&ec, Create, &mut with(key)), [""; 0]);
        }
    }

    #[test]
    fn a_key_is_shown_by_its_sort_and_not_by_what_is_in_it() {
        let told = |text: &str, answer: &str, code| {
            let machine = machine().with_answer(ASKED, code, answer).with_file("/etc/ssl/web.key", text);
            let found = ec().found(&machine).unwrap().unwrap();
            assert!(found.private.is_empty());
            let shown = serde_json::to_value(found.properties).unwrap();
            (format!("{} {shown}", found.kind), found.actions, found.unsaid)
        };
        let owned = r#""mode":"0644","owner":"root","group":"root"}"#;
        assert_eq!(
            told(NEW, "Public-Key: (256 bit)\nASN1 OID: prime256v1\n", 0),
            (format!("openssl_ec_private_key {{\"key_curve\":\"prime256v1\",{owned}"), vec!["create"], vec![])
        );
        assert_eq!(
            told(NEW, "Public-Key: (4096 bit)\nModulus:\n", 0).0,
            format!("openssl_rsa_private_key {{\"key_length\":4096,{owned}")
        );
        let encrypted = vec!["what sort of key it is: it is encrypted".to_owned()];
        assert_eq!(told(ENCRYPTED, "", 1), (format!("openssl_ec_private_key {{{owned}"), vec![], encrypted));
    }

    #[test]
    fn a_curve_is_known_by_each_of_its_names() {
        let p256 = "Public-Key: (256 bit)\nASN1 OID: prime256v1\nNIST CURVE: P-256\n";
        let there = machine().with_answer(ASKED, 0, p256).with_file("/etc/ssl/web.key", "a key");
        for (curve, writes) in [("P-256", false), ("PRIME256V1", false), ("secp384r1", true)] {
            let key = ec().force(true).key_curve(curve);
            let pending = prepare(&key, Create, false, &there).unwrap().unwrap();
            assert_eq!(format!("{:?}", pending.operations()).contains("Write"), writes, "{curve}");
        }
    }

    #[test]
    fn what_is_no_key_is_replaced_only_when_asked() {
        let there = || machine().with_file("/etc/ssl/web.key", "no key");
        let mut broken = there().with_answer(ASKED, 1, "");
        assert_eq!(
            refused(&ec(), Create, &mut broken),
            "`/etc/ssl/web.key` is no private key that openssl can read: it failed without a word\n\
             hint: is `key_pass` its password? a resource of the key itself makes it anew with `force`; or remove it"
        );
        assert!(prepare(&ec().force(true), Create, false, &broken).unwrap().is_some());
        assert!(prepare(&ec().force(true), Create, false, &there()).unwrap().is_some(), "its mode is too wide");
        let other = ec().force(true).key_curve("secp384r1");
        let pending = prepare(&other, Create, false, &there()).unwrap().unwrap();
        assert!(format!("{:?}", pending.operations()).contains("Write"), "it is on another curve");
        assert!(step(&ec(), Create, &mut Fake::new()).unwrap_err().to_string().contains("/etc/ssl"));
        assert_eq!(
            refused(&ec(), Create, &mut machine().with_answer(ASKED, 127, "").with_file("/etc/ssl/web.key", "x")),
            "there is no program `openssl` here\nhint: declare the package `openssl` before it"
        );
    }

    #[test]
    fn bad_declarations_are_found_without_a_machine() {
        assert_eq!(faults(&ec()), [""; 0]);
        assert_eq!(
            faults(&ec().key_curve("x;y").key_cipher("")),
            ["key_curve `x;y` is no name that openssl has", "key_cipher `` is no name that openssl has"]
        );
        assert_eq!(
            faults(&OpensslRsaPrivateKey::at("/x").key_length(1000_u32)),
            ["there is no key of 1000 bits\nhint: it has 2048, 3072 or 4096"]
        );
    }
}
