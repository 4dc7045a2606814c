//! Whether units are enabled, read from the links on disk: for a systemd that does not run. Source: systemctl(1)
//! `is-enabled`, systemd.unit(5).
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    host::{Active, Enabled, ServiceState, unit_name},
};

/// Where unit files lie, the first one found wins. The administrator's and the run-time ones hold the links of enabling.
const PLACES: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];
const CONFIGURED: usize = 2;

/// Links from one name to the next before it is taken for a circle.
const ALIASES: usize = 8;

enum Found {
    Masked,
    /// Text of the unit file.
    File(String),
    /// Another name of this unit.
    Alias(String),
}

/// State of a unit by what lies below `root`. It never runs: nobody is there to run it.
pub(super) fn state(root: &Path, whole: &str) -> Result<ServiceState> {
    let mut name = whole.to_owned();
    for _ in 0..ALIASES {
        let template = unit_name::template(&name);
        let found = match find(root, &name)? {
            Some(found) => Some(found),
            None => template.as_deref().map(|template| find(root, template)).transpose()?.flatten(),
        };
        let enabled = match found {
            None => return Ok(ServiceState::ABSENT),
            Some(Found::Alias(real)) => {
                name = real;
                continue;
            }
            Some(Found::Masked) => Enabled::Masked,
            Some(Found::File(_)) if is_linked(root, &name)? => Enabled::Yes,
            Some(Found::File(text)) if can_be_enabled(&text) => Enabled::No,
            Some(Found::File(_)) => Enabled::Static,
        };
        return Ok(ServiceState { exists: true, enabled, active: Active::No });
    }
    Err(Error::failed(format!("unit `{whole}` is an alias of itself")))
}

fn find(root: &Path, name: &str) -> Result<Option<Found>> {
    for place in PLACES {
        let path = root.join(place).join(name);
        match fs::symlink_metadata(&path) {
            Err(error) if absent(&error) => continue,
            Err(error) => return Err(Error::io("read", path)(error)),
            Ok(about) if about.is_symlink() => {
                let target = fs::read_link(&path).map_err(Error::io("read", &path))?;
                if target == Path::new("/dev/null") {
                    return Ok(Some(Found::Masked));
                }
                match target.file_name().and_then(|file| file.to_str()) {
                    Some(file) if file != name => return Ok(Some(Found::Alias(file.to_owned()))),
                    // A unit file that lies elsewhere and is linked here under its own name.
                    Some(_) | None => {
                        let linked = match target.strip_prefix("/") {
                            Ok(inside) => root.join(inside),
                            Err(_) => path.parent().unwrap_or(root).join(&target),
                        };
                        match fs::read(&linked) {
                            Ok(bytes) => return Ok(Some(Found::File(String::from_utf8_lossy(&bytes).into_owned()))),
                            Err(error) if absent(&error) => continue,
                            Err(error) => return Err(Error::io("read", linked)(error)),
                        }
                    }
                }
            }
            Ok(about) if about.is_file() && about.len() == 0 => return Ok(Some(Found::Masked)),
            Ok(about) if about.is_file() => {
                let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
                return Ok(Some(Found::File(String::from_utf8_lossy(&bytes).into_owned())));
            }
            Ok(_) => continue,
        }
    }
    Ok(None)
}

fn absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Names in a directory; none when it is not there.
pub(super) fn names(directory: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", directory)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("list", directory))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Whether something that is started at boot pulls it in, or an alias of it was made. What the vendor links below
/// `/usr` does not count.
fn is_linked(root: &Path, name: &str) -> Result<bool> {
    let is_link = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
    for place in &PLACES[..CONFIGURED] {
        let place = root.join(place);
        for inside in names(&place)? {
            let path = place.join(&inside);
            let pulls = [".wants", ".requires", ".upholds"].iter().any(|suffix| inside.ends_with(suffix));
            if pulls && is_link(&path.join(name)) {
                return Ok(true);
            }
            let alias =
                inside != name && is_link(&path) && unit_name::whole(&inside).is_ok_and(|whole| whole == inside);
            if alias && fs::read_link(&path).is_ok_and(|target| target.file_name().is_some_and(|file| file == name)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a unit file says what enabling would do.
fn can_be_enabled(text: &str) -> bool {
    let mut install = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            install = line == "[Install]";
        } else if install
            && let Some((key, value)) = line.split_once('=')
            && ["WantedBy", "RequiredBy", "UpheldBy", "Alias"].contains(&key.trim())
            && !value.trim().is_empty()
        {
            return true;
        }
    }
    false
}
