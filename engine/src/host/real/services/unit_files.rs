//! Whether units are enabled, read from the links on disk: for a systemd that does not run. Source: systemctl(1)
//! `is-enabled`, systemd.unit(5).
use std::{
    fs,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    host::{Active, Enabled, ServiceState, unit_name},
};

/// Where the unit files of a manager lie, the first one found wins.
pub(super) struct Places {
    root: PathBuf,
    all: Vec<PathBuf>,
    /// As many of the first ones hold the links of enabling.
    configured: usize,
    /// Whether masks are looked through.
    unmasked: bool,
}

impl Places {
    /// Those of the system. Links below `/run` are gone when it boots.
    pub(super) fn of_system(root: &Path) -> Self {
        let all = unit_name::PLACES.iter().map(|place| root.join(&place[1..])).collect();
        Self { root: root.to_owned(), all, configured: 1, unmasked: false }
    }

    /// Those of a user's own systemd. Source: systemd.unit(5).
    pub(super) fn of_user(root: &Path, home: Option<&Path>) -> Self {
        let own = |path: &str| home.map(|home| root.join(home.strip_prefix("/").unwrap_or(home)).join(path));
        let shared = |paths: &[&str]| paths.iter().map(|path| root.join(path).join("systemd/user")).collect::<Vec<_>>();
        let mut all: Vec<_> = own(".config/systemd/user").into_iter().collect();
        all.extend(shared(&["etc"]));
        let configured = all.len();
        all.extend(shared(&["run"]));
        all.extend(own(".local/share/systemd/user"));
        all.extend(shared(&["usr/local/share", "usr/share", "usr/local/lib", "usr/lib"]));
        Self { root: root.to_owned(), all, configured, unmasked: false }
    }
}

/// Links from one name to the next before it is taken for a circle.
const ALIASES: usize = 8;

/// As much of a unit file as is looked at, in bytes.
const LARGEST: u64 = 1 << 20;

enum Found {
    Masked,
    /// Text of the unit file.
    File(String),
    /// Another name of this unit.
    Alias(String),
}

/// State of a unit by what lies on disk. It never runs: nobody is there to run it.
pub(super) fn state(places: &Places, whole: &str) -> Result<ServiceState> {
    let name = real_name(places, whole)?;
    let enabled = match lookup(places, &name)? {
        None | Some(Found::Alias(_)) => return Ok(ServiceState::ABSENT),
        Some(Found::Masked) => Enabled::Masked,
        Some(Found::File(_)) if is_linked(places, &name)? => Enabled::Yes,
        Some(Found::File(text)) if installation(&text).any(|(key, _)| key != "Also") => Enabled::No,
        Some(Found::File(_)) => Enabled::Static,
    };
    Ok(ServiceState { exists: true, enabled, active: Active::No })
}

/// What [`state`] will say when nothing masks the unit; `None`: there is nothing below the mask.
pub(super) fn unmasked(places: &Places, whole: &str) -> Result<Option<Enabled>> {
    let places = Places { root: places.root.clone(), all: places.all.clone(), unmasked: true, ..*places };
    let state = state(&places, whole)?;
    Ok(state.exists.then_some(state.enabled))
}

/// The name of the unit that is meant by one: that of the unit file, where it is an alias, also one that is made only when
/// the unit is enabled. systemd forgets such a name when its unit is disabled, and enables nothing by an alias.
pub(super) fn real_name(places: &Places, whole: &str) -> Result<String> {
    let mut name = whole.to_owned();
    for _ in 0..ALIASES {
        match lookup(places, &name)? {
            Some(Found::Alias(real)) => name = real,
            Some(Found::Masked | Found::File(_)) => return Ok(name),
            None => return Ok(by_installation(places, &name)?.unwrap_or(name)),
        }
    }
    Err(Error::failed(format!("unit `{whole}` is an alias of itself")))
}

/// What defines a unit: a file of its own, or its template.
fn lookup(places: &Places, name: &str) -> Result<Option<Found>> {
    let found = find(places, name)?;
    let (None, Some(template)) = (&found, unit_name::template(name)) else { return Ok(found) };
    Ok(match find(places, &template)? {
        // An instance of an alias is an instance of what that means.
        Some(Found::Alias(real)) => match (real.split_once("@."), name.split_once('@')) {
            (Some((prefix, _)), Some((_, instance))) => Some(Found::Alias(format!("{prefix}@{instance}"))),
            (_, _) => Some(Found::Alias(real)),
        },
        found => found,
    })
}

/// The unit that takes a name when it is enabled. A mask hides what a unit file says, not what it is.
fn by_installation(places: &Places, name: &str) -> Result<Option<String>> {
    let Some((_, suffix)) = name.rsplit_once('.') else { return Ok(None) };
    for place in &places.all {
        for file in names(place)? {
            let path = place.join(&file);
            if file.rsplit_once('.').is_none_or(|(_, kind)| kind != suffix) || !path.is_file() {
                continue;
            }
            let text = text(&path)?;
            let mut aliases = installation(&text).filter(|(key, _)| *key == "Alias");
            if aliases.any(|(_, value)| value.split_whitespace().any(|alias| alias == name)) {
                return Ok(Some(file));
            }
        }
    }
    Ok(None)
}

fn find(places: &Places, name: &str) -> Result<Option<Found>> {
    let template = unit_name::template(name);
    for place in &places.all {
        let path = place.join(name);
        match fs::symlink_metadata(&path) {
            Err(error) if absent(&error) => continue,
            Err(error) => return Err(Error::io("read", path)(error)),
            Ok(about) if about.is_symlink() => {
                let target = fs::read_link(&path).map_err(Error::io("read", &path))?;
                if target == Path::new("/dev/null") {
                    if places.unmasked {
                        continue;
                    }
                    return Ok(Some(Found::Masked));
                }
                match target.file_name().and_then(|file| file.to_str()) {
                    Some(file) if file != name && template.as_deref() != Some(file) => {
                        return Ok(Some(Found::Alias(file.to_owned())));
                    }
                    // A unit file that lies elsewhere and is linked here under its own name.
                    Some(_) | None => {
                        let linked = match target.strip_prefix("/") {
                            Ok(inside) => places.root.join(inside),
                            Err(_) => place.join(&target),
                        };
                        if linked.is_file() {
                            return text(&linked).map(|text| Some(Found::File(text)));
                        }
                    }
                }
            }
            Ok(about) if about.is_file() && about.len() == 0 => {
                if !places.unmasked {
                    return Ok(Some(Found::Masked));
                }
            }
            Ok(about) if about.is_file() => {
                return text(&path).map(|text| Some(Found::File(text)));
            }
            Ok(_) => continue,
        }
    }
    Ok(None)
}

/// Text of a unit file, of which users can make any size.
fn text(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    read.map_err(Error::io("read", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
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
fn is_linked(places: &Places, name: &str) -> Result<bool> {
    let is_link = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
    for place in &places.all[..places.configured] {
        for inside in names(place)? {
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

/// What a unit file says of what enabling does.
fn installation(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut install = false;
    text.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with('[') {
            install = line == "[Install]";
        }
        let (key, value) = line.split_once('=').filter(|_| install)?;
        let (key, value) = (key.trim(), value.trim());
        let known = ["WantedBy", "RequiredBy", "UpheldBy", "Alias", "Also"].contains(&key);
        (known && !value.is_empty()).then_some((key, value))
    })
}
