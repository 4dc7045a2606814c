//! How systemd judges a unit file, or a drop-in, before it is put in place.
use crate::host::unit_name;

/// A command that has systemd judge a unit with the new file. It goes by the names of files, which one that is not in place
/// yet does not have, so both lie in a directory that comes before the others. What is only ignored is no failure to it, so
/// what it says of these files counts.
pub(crate) fn command((user, unit, drop_in): (Option<&str>, &str, Option<&str>)) -> String {
    let manager = if user.is_some() { "XDG_RUNTIME_DIR=$d " } else { "" };
    let scope = if user.is_some() { "--user " } else { "" };
    let name = unit.replace('\\', "\\\\");
    let put = match drop_in {
        None => format!("cp %{{path}} \"$d/{name}\""),
        Some(drop_in) => {
            let places = unit_name::PLACES.map(|place| match user {
                Some(_) => place.replace("/systemd/system", "/systemd/user"),
                None => place.to_owned(),
            });
            let template = unit_name::template(unit).unwrap_or_default().replace('\\', "\\\\");
            format!(
                "for place in {places}; do for unit in \"{name}\" \"{template}\"; do \
                 [ -f \"$d/{name}\" ] || [ ! -f \"$place/$unit\" ] || cp \"$place/$unit\" \"$d/{name}\"; done; done; \
                 [ -f \"$d/{name}\" ] || {{ rm -rf \"$d\"; exit 0; }}; \
                 mkdir \"$d/{name}.d\" && cp %{{path}} \"$d/{name}.d/{drop_in}\"",
                places = places.join(" ")
            )
        }
    };
    format!(
        "command -v systemd-analyze >/dev/null || exit 0; umask 022; d=$(mktemp -d) || exit 1; \
         {put} && said=$({manager}systemd-analyze {scope}verify --man=no \"$d/{name}\" 2>&1); code=$?; rm -rf \"$d\"; \
         echo \"$said\" >&2; case $said in *\"$d/\"*) exit 1;; esac; exit $code"
    )
}
