use std::path::Path;

use brasa::host::{
    disk,
    dns::{Algorithm, Key, Name},
};

use super::{
    super::{Code, Failure, Output, arguments::Format, complain, print, print_json},
    note,
};

/// `brasa ddns keygen`
pub fn keygen(name: &str, algorithm: &str, directory: &Path, output: &Output) -> Result<Code, Failure> {
    let name: Name = name.parse().map_err(|why| Failure::usage(format!("`{name}` is no name for a key: {why}")))?;
    let algorithm: Algorithm = algorithm.parse().map_err(Failure::usage)?;
    let (public, private) = (directory.join("tsig.key"), directory.join("tsig.private"));
    for path in [&public, &private] {
        if disk::exists(path) {
            return Err(Failure::failed(format!(
                "`{}` is there already, and a key is never overwritten",
                path.display()
            ))
            .hint("name another directory, or move the old key away when nothing signs with it any more"));
        }
    }
    let key = Key::generate(name, algorithm)?;
    if !disk::exists(directory) {
        disk::create_private_dirs(directory)?;
    }
    disk::create_private(&private, key.private_file().as_bytes())?;
    if let Err(error) = disk::create_private(&public, key.public_file().as_bytes()) {
        disk::remove(&private)?;
        return Err(error.into());
    }
    if algorithm == Algorithm::Md5 {
        note(output, "hmac-md5 is weak: use it only for a server that knows nothing better");
    }
    let name = key.name();
    let policy = format!("update-policy {{ grant {name} name {name} A AAAA TXT; }};");
    match output.format {
        Format::Human => print(&key.stanza())?,
        Format::Json | Format::Ndjson => print_json(
            &serde_json::json!({
                "schema_version": crate::report::SCHEMA_VERSION,
                "brasa": env!("CARGO_PKG_VERSION"),
                "command": "ddns keygen",
                "success": true,
                "name": name.to_string(),
                "algorithm": algorithm.name(),
                "files": [public, private],
                "update_policy": policy,
            }),
            output.format,
        )?,
    }
    if !output.quiet {
        let (public, private) = (public.display(), private.display());
        complain(&format!(
            "made `{private}` and `{public}`, for this user alone\n\
             next, on the name server: keep the stanza in a file that named.conf includes and only named can read,\n\
             put this into the zone, and have it read by `rndc reconfig`:\n\
             \x20   {policy}\n\
             and on the host: put both files into /etc/dyndns_keys (0700), and try it:\n\
             \x20   brasa ddns update {name} --server SERVER --key /etc/dyndns_keys/tsig.private --dry-run"
        ));
    }
    Ok(Code::Success)
}
