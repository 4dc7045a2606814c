//! What cloud-init is told. Whoever runs a process on the server can read it from the provider's metadata service, so nothing in
//! it is to stay secret: the host key is replaced at the first converge, keys are uploaded over SSH.
//!
//! Source: cloud-init's "Cloud config examples"; a cloud-config is YAML, of which JSON is a part.
use brasa::host::{disk, gzip};
use serde_json::{Map, Value, json};

use super::{bootstrap, description::Description, provider::Limit};
use crate::failure::Failure;

/// A file that is a part of user-data has at most so many bytes: no provider takes more.
const LIMIT: u64 = 256 << 10;

/// Host key: the private half, and the public one as `ssh-ed25519 AAAA...`.
pub struct HostKey {
    /// OpenSSH's own format.
    pub private: String,
    /// Type and key.
    pub public: String,
}

/// Where a server that nobody logs in to fetches the program from.
pub struct Pull<'a> {
    /// The address.
    pub url: &'a str,
    /// What it must be.
    pub sha256: &'a str,
}

/// The user-data of a server: its names, who may log in, its host key; with `pull` also what converges it without SSH.
///
/// # Errors
/// That a file of it cannot be read, or does not belong there.
pub fn user_data(
    described: &Description,
    authorized: &[String],
    host_key: Option<&HostKey>,
    pull: Option<&Pull<'_>>,
) -> Result<String, Failure> {
    let mut config = json!({
        "hostname": described.fqdn.split('.').next(),
        "fqdn": described.fqdn,
        "prefer_fqdn_over_hostname": true,
        // Without it `hostname -f` fails.
        "manage_etc_hosts": true,
        // The locale of most images is one that a small image does not have; cloud-init calls that an error.
        "locale": "C.UTF-8",
        "disable_root": false,
    });
    let mut user = json!({"name": described.user, "ssh_authorized_keys": authorized});
    if described.user != "root" {
        user["sudo"] = json!("ALL=(ALL) NOPASSWD:ALL");
        user["shell"] = json!("/bin/sh");
    }
    if !authorized.is_empty() {
        config["users"] = json!([user]);
    }
    if let Some(HostKey { private, public }) = host_key {
        config["ssh_keys"] = json!({"ed25519_private": private, "ed25519_public": public});
    }
    if let Some(pull) = pull {
        let (files, command) = pulled(described, pull)?;
        config["write_files"] = files;
        config["runcmd"] = json!([command]);
    }
    Ok(format!("#cloud-config\n{config:#}\n"))
}

/// The files that converging needs, and the command.
fn pulled(described: &Description, pull: &Pull<'_>) -> Result<(Value, Value), Failure> {
    let mut files = Vec::new();
    let mut file = |path: &str, mode: &str, text: Vec<u8>| -> Result<(), Failure> {
        let text = String::from_utf8(text).map_err(|_| {
            Failure::input(format!("`{path}` is no text, which user-data cannot hold"))
                .hint("let a recipe fetch it, or put it into an image")
        })?;
        let mut entry = Map::new();
        for (key, value) in [("path", path), ("permissions", mode), ("owner", "root:root"), ("content", &text)] {
            entry.insert(key.to_owned(), json!(value));
        }
        files.push(Value::Object(entry));
        Ok(())
    };
    file(bootstrap::SCRIPT_PATH, "0755", bootstrap::SCRIPT.into())?;
    file(bootstrap::DNA, "0600", bootstrap::input(&described.dna, LIMIT)?)?;
    if let Some(solo) = &described.solo {
        file(bootstrap::SOLO, "0644", bootstrap::input(solo, LIMIT)?)?;
    }
    for (to, from) in &described.files {
        if disk::is_directory(from) {
            let message = format!("`{}` is a directory, which does not fit into user-data", from.display());
            return Err(Failure::input(message)
                .hint("put cookbooks into an archive that the servers fetch: `recipe_url` in solo.rb"));
        }
        file(to, "0644", bootstrap::input(from, LIMIT)?)?;
    }
    Ok((Value::Array(files), json!([bootstrap::SCRIPT_PATH, "-s", pull.sha256, "-u", pull.url])))
}

/// User-data as a provider takes it: packed where it is too long as it is.
///
/// # Errors
/// That it is too long all the same.
pub fn fitting(text: &str, limit: Limit, provider: &str) -> Result<Vec<u8>, Failure> {
    let plain = text.as_bytes().to_vec();
    if plain.len() <= limit.bytes {
        return Ok(plain);
    }
    let packed = if limit.gzip { gzip(&plain)? } else { plain };
    if packed.len() <= limit.bytes {
        return Ok(packed);
    }
    let message = format!(
        "the user-data has {} bytes{}; `{provider}` takes {}",
        packed.len(),
        if limit.gzip { ", packed" } else { "" },
        limit.bytes
    );
    Err(Failure::input(message)
        .hint("take files out of it: an archive of cookbooks may be fetched by `recipe_url` in solo.rb"))
}

#[cfg(test)]
mod tests {
    use super::{Limit, fitting};

    #[test]
    fn what_is_too_long_is_packed_where_that_is_taken() {
        let text = "x".repeat(1000);
        let fit = |bytes, gzip| fitting(&text, Limit { bytes, gzip }, "cloud");
        assert_eq!(fit(1000, true).unwrap(), text.as_bytes());
        let packed = fit(999, true).unwrap();
        assert!(packed.starts_with(&[0x1f, 0x8b]) && packed.len() < 100, "it is gzip, and short");
        let told = |refused: Result<Vec<u8>, crate::failure::Failure>| refused.unwrap_err().message;
        assert_eq!(told(fit(999, false)), "the user-data has 1000 bytes; `cloud` takes 999");
        assert!(told(fit(5, true)).ends_with(" bytes, packed; `cloud` takes 5"));
    }
}
