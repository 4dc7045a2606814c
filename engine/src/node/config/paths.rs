//! What Ruby's `File` and `Pathname` do with paths as texts. Source: Ruby 3.1's documentation of class File.

/// `File.join`: one `/` between the parts.
pub(super) fn join(parts: &[String]) -> String {
    let mut joined = String::new();
    for (n, part) in parts.iter().enumerate() {
        if n == 0 {
            joined.push_str(part);
            continue;
        }
        if part.starts_with('/') {
            joined.truncate(joined.trim_end_matches('/').len());
        } else if !joined.ends_with('/') {
            joined.push('/');
        }
        joined.push_str(part);
    }
    joined
}

/// `File.dirname`.
pub(super) fn directory(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rfind('/') {
        Some(at) => {
            let above = trimmed[..at].trim_end_matches('/');
            if above.is_empty() { "/".to_owned() } else { above.to_owned() }
        }
        None if trimmed.is_empty() && !path.is_empty() => "/".to_owned(),
        None => ".".to_owned(),
    }
}

/// `File.basename`; `suffix` is taken off, `.*` being any.
pub(super) fn name(path: &str, suffix: Option<&str>) -> String {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return if path.is_empty() { String::new() } else { "/".to_owned() };
    }
    let name = trimmed.rsplit('/').next().unwrap_or(trimmed);
    let cut = match suffix {
        Some(".*") => name.strip_suffix(&extension(name)),
        Some(suffix) => name.strip_suffix(suffix),
        None => None,
    };
    cut.filter(|cut| !cut.is_empty()).unwrap_or(name).to_owned()
}

/// `File.extname`.
pub(super) fn extension(path: &str) -> String {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let plain = name.trim_start_matches('.');
    match plain.rfind('.') {
        Some(at) if at > 0 && at + 1 < plain.len() => plain[at..].to_owned(),
        Some(_) | None => String::new(),
    }
}

/// `File.expand_path` of a path on an absolute directory: absolute, without `.`, `..` and doubled `/`.
pub(super) fn expand(path: &str, base: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let start = if path.starts_with('/') { "" } else { base };
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `Pathname#+`: the other path, seen from this one.
pub(super) fn beneath(path: &str, other: &str) -> String {
    if other.starts_with('/') {
        return other.to_owned();
    }
    let (mut base, mut rest) = (path.to_owned(), other);
    loop {
        rest = rest.trim_start_matches('/');
        match rest.split('/').next().unwrap_or_default() {
            "." => rest = &rest[1..],
            ".." if base != "." && name(&base, None) != ".." => {
                base = directory(&base);
                rest = &rest[2..];
            }
            _ => break,
        }
    }
    match (base.as_str(), rest) {
        (_, "") => base,
        (".", rest) => rest.to_owned(),
        (_, rest) => join(&[base, rest.to_owned()]),
    }
}

#[cfg(test)]
mod tests {
    use super::{beneath, directory, expand, extension, join, name};

    #[test]
    fn as_ruby_does() {
        for (parts, joined) in [
            (&["/a", "b"][..], "/a/b"),
            (&["/a/", "/b"], "/a/b"),
            (&["a//", "b"], "a//b"),
            (&["a", ""], "a/"),
            (&["", "a"], "/a"),
            (&["a"], "a"),
            (&[], ""),
        ] {
            assert_eq!(join(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>()), joined, "{parts:?}");
        }
        for (path, above) in
            [("/a/b", "/a"), ("/a", "/"), ("/", "/"), ("a", "."), ("a/b/", "a"), ("", "."), ("//a", "/"), ("a//b", "a")]
        {
            assert_eq!(directory(path), above, "{path}");
        }
        for (path, suffix, found) in [
            ("/a/b.rb", None, "b.rb"),
            ("/a/b.rb", Some(".rb"), "b"),
            ("/a/b.rb", Some(".*"), "b"),
            ("/a/.rb", Some(".*"), ".rb"),
            ("/", None, "/"),
            ("a/", None, "a"),
            ("rb", Some("rb"), "rb"),
        ] {
            assert_eq!(name(path, suffix), found, "{path}");
        }
        for (path, found) in [("a.rb", ".rb"), ("a", ""), (".a", ""), ("a.", ""), ("/x.d/a", ""), ("a.b.c", ".c")] {
            assert_eq!(extension(path), found, "{path}");
        }
        for (path, base, found) in [
            ("../a", "/x/solo.rb", "/x/a"),
            ("a/./b//c/", "/", "/a/b/c"),
            ("/a/../../b", "/x", "/b"),
            ("", "/x", "/x"),
            ("..", "/", "/"),
        ] {
            assert_eq!(expand(path, base), found, "{path}");
        }
        for (path, other, found) in [
            ("/a", "b", "/a/b"),
            ("/a", "../b", "/b"),
            ("/a", "/b", "/b"),
            ("a", "..", "."),
            (".", "b", "b"),
            ("..", "..", "../.."),
        ] {
            assert_eq!(beneath(path, other), found, "{path} {other}");
        }
    }
}
