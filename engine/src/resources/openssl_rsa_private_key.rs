//! `openssl_rsa_private_key[path]`
pub use super::private_key::{Action, Action::*};
use super::{
    openssl::{LENGTH, LENGTHS, Sort},
    private_key::private_key,
};
use crate::Fault;

private_key! {
    /// A private key of RSA, made by `openssl` where there is none. One that is there is kept, if openssl can read it. What
    /// is in it is in no report, and nobody but its owner can read it at any moment. A plan makes one too, and throws it away.
    pub struct OpensslRsaPrivateKey("openssl_rsa_private_key") {
        /// How many bits a new one has: 1024, 2048 (when not given), 3072, 4096 or 8192.
        key_length: u32,
    }
    example r#"r.add(OpensslRsaPrivateKey::at("/etc/ssl/private/web.key").key_length(4096_u32));"#
    sort |key| Sort::Rsa(key.key_length.unwrap_or(LENGTH));
    faults |key| {
        let length = key.key_length.unwrap_or(LENGTH);
        let fault = || Fault::new(format!("there is no key of {length} bits")).hint("it has 2048, 3072 or 4096");
        (!LENGTHS.contains(&length)).then(fault)
    };
}
