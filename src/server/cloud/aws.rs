//! Accounts of AWS, from the places where its own tools look: the environment, `~/.aws/credentials`, `~/.aws/config`, and the
//! program that a profile names as `credential_process`.
//!
//! Source: AWS, "Configuration and credential file settings in the AWS CLI"; "Sourcing credentials with an external process".
use std::path::{Path, PathBuf};

use brasa::{
    host::{
        disk, environment,
        http::Authorities,
        tool::{Input, Tool},
    },
    suggest,
    values::Secret,
};
use serde_json::Value;

use crate::{failure::Failure, server::ssh::last_line};

/// The files have at most so many bytes.
const LIMIT: u64 = 1 << 20;
/// Seconds for a program that gives credentials: it may ask for a second factor.
const SECONDS: u64 = 120;

/// Who asks.
pub struct Account {
    /// The id of the access key.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
    /// The token of a session, where the key is one for a while.
    pub token: Option<Secret>,
    /// Where the credentials are from, for messages.
    pub source: String,
}

/// The two files, as far as they are there.
pub struct Files {
    profile: String,
    /// Whether the profile was asked for, by the description or by `AWS_PROFILE`.
    asked: bool,
    credentials: Option<Ini>,
    config: Option<Ini>,
}

/// A variable of the environment that says something.
fn var(name: &str) -> Option<String> {
    environment::var(name).filter(|value| !value.trim().is_empty())
}

impl Account {
    /// The one of the environment, where it has one.
    ///
    /// # Errors
    /// That it has only a part of one.
    pub fn of_environment() -> Result<Option<Self>, Failure> {
        let Some(id) = var("AWS_ACCESS_KEY_ID") else { return Ok(None) };
        let source = "the environment";
        let secret = var("AWS_SECRET_ACCESS_KEY").ok_or_else(|| half("AWS_SECRET_ACCESS_KEY", source))?;
        let token = var("AWS_SESSION_TOKEN").map(Secret::from);
        Ok(Some(Self { id, secret: secret.into(), token, source: source.to_owned() }))
    }
}

/// Whom to trust in place of those that the system trusts.
///
/// # Errors
/// That the file which `AWS_CA_BUNDLE` names cannot be read, or has no certificate.
pub fn authorities() -> Result<Option<Authorities>, Failure> {
    let Some(path) = var("AWS_CA_BUNDLE") else { return Ok(None) };
    let pem = disk::read_limited(Path::new(&path), LIMIT)?;
    let pem = pem.ok_or_else(|| Failure::input(format!("there is no file `{path}`, which AWS_CA_BUNDLE names")))?;
    Authorities::from_pem(&pem).map(Some).ok_or_else(|| {
        Failure::input(format!("there is no certificate in `{path}`, which AWS_CA_BUNDLE names"))
            .hint("it is to be in PEM: `-----BEGIN CERTIFICATE-----`")
    })
}

/// The region that the environment says.
pub fn region_of_environment() -> Option<String> {
    var("AWS_REGION").or_else(|| var("AWS_DEFAULT_REGION"))
}

impl Files {
    /// Reads both.
    ///
    /// # Errors
    /// A file that cannot be read, or a line in it that is none of such a file.
    pub fn read(profile: Option<&str>) -> Result<Self, Failure> {
        let home = var("HOME").unwrap_or_default();
        let path = |name: &str, usual: &str| match var(name) {
            Some(path) => match path.strip_prefix("~/") {
                Some(rest) => Path::new(&home).join(rest),
                None => PathBuf::from(path),
            },
            None => Path::new(&home).join(".aws").join(usual),
        };
        let read = |path: &Path| match disk::read_limited(path, LIMIT)? {
            Some(bytes) => Ini::parse(path, &String::from_utf8_lossy(&bytes)).map(Some),
            None => Ok(None),
        };
        let credentials = read(&path("AWS_SHARED_CREDENTIALS_FILE", "credentials"))?;
        let config = read(&path("AWS_CONFIG_FILE", "config"))?;
        let named = profile.map(str::to_owned).or_else(|| var("AWS_PROFILE"));
        let asked = named.is_some();
        let profile = named.unwrap_or_else(|| "default".to_owned());
        Ok(Self { profile, asked, credentials, config })
    }

    /// The profile's name.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// A setting of the profile in `~/.aws/credentials`.
    fn credential(&self, key: &str) -> Option<&str> {
        self.credentials.as_ref()?.get(&self.profile, key)
    }

    /// A setting of the profile in `~/.aws/config`, where all but the usual one are called `profile NAME`.
    fn setting(&self, key: &str) -> Option<&str> {
        let config = self.config.as_ref()?;
        let usual = (self.profile == "default").then(|| config.get("default", key)).flatten();
        usual.or_else(|| config.get(&format!("profile {}", self.profile), key))
    }

    /// The region of the profile.
    pub fn region(&self) -> Option<String> {
        self.setting("region").or_else(|| self.credential("region")).map(str::to_owned)
    }

    /// Who asks.
    ///
    /// # Errors
    /// That there are no credentials, or not all parts of them; what the program said that was to give them.
    pub fn account(&self) -> Result<Account, Failure> {
        let process = self.credential("credential_process").or_else(|| self.setting("credential_process"));
        if let Some(account) = self.kept(|key| self.credential(key), self.credentials.as_ref())? {
            return Ok(account);
        }
        if let Some(line) = process {
            return self.run(line);
        }
        if let Some(account) = self.kept(|key| self.setting(key), self.config.as_ref())? {
            return Ok(account);
        }
        Err(self.none())
    }

    /// The access key that the profile has in a file, when it has one there.
    fn kept<'s>(&self, get: impl Fn(&str) -> Option<&'s str>, file: Option<&Ini>) -> Result<Option<Account>, Failure> {
        let (Some(id), Some(file)) = (get("aws_access_key_id"), file) else { return Ok(None) };
        let source = format!("profile `{}` of `{}`", self.profile, file.path.display());
        let secret = get("aws_secret_access_key").ok_or_else(|| half("aws_secret_access_key", &source))?;
        let token = get("aws_session_token").map(Secret::from);
        Ok(Some(Account { id: id.to_owned(), secret: secret.into(), token, source }))
    }

    /// Why there are no credentials.
    fn none(&self) -> Failure {
        let profile = &self.profile;
        for key in ["role_arn", "sso_session", "sso_start_url", "login_session"] {
            if self.setting(key).or_else(|| self.credential(key)).is_some() {
                let message =
                    format!("the profile `{profile}` has its credentials by `{key}`, which is not spoken here");
                return Failure::denied(message).hint(format!(
                    "let AWS's own program get them: in ~/.aws/config, a profile with `credential_process = aws configure \
                     export-credentials --profile {profile} --format process`"
                ));
            }
        }
        let files = [self.credentials.as_ref(), self.config.as_ref()];
        let known: Vec<&str> = files.into_iter().flatten().flat_map(Ini::profiles).collect();
        if self.asked && !known.contains(&profile.as_str()) {
            let hint = match known.is_empty() {
                true => "neither ~/.aws/credentials nor ~/.aws/config has any".to_owned(),
                false => suggest::hint(profile, known),
            };
            return Failure::denied(format!("there is no AWS profile `{profile}`")).hint(hint);
        }
        Failure::denied(format!(
            "there are no credentials for AWS: neither AWS_ACCESS_KEY_ID is set, nor has the profile `{profile}` any"
        ))
        .hint("`aws configure` asks for them and keeps them in ~/.aws/credentials")
        .hint("another profile is named by `profile` in the table `ec2`, or by AWS_PROFILE")
    }

    /// Asks the program that a profile names.
    fn run(&self, line: &str) -> Result<Account, Failure> {
        let source = format!("`credential_process` of the profile `{}`", self.profile);
        let argv = words(line)
            .filter(|words| !words.is_empty())
            .ok_or_else(|| Failure::denied(format!("{source} is no command: a quote is not closed, or it is empty")))?;
        // A second factor is asked for on the terminal, so it is not set apart.
        let ended = Tool { input: Input::Ours, ..Tool::new(&argv, SECONDS) }.run()?;
        if ended.code != 0 {
            let said = last_line(&ended.stderr);
            return Err(Failure::denied(format!("{source} ended with {}: {said}", ended.code)));
        }
        let answer: Value = serde_json::from_slice(&ended.stdout).unwrap_or_default();
        let text = |key: &str| answer[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        match (answer["Version"].as_u64(), text("AccessKeyId"), text("SecretAccessKey")) {
            (Some(1), Some(id), Some(secret)) => {
                Ok(Account { id, secret: secret.into(), token: text("SessionToken").map(Secret::from), source })
            }
            _ => Err(Failure::denied(format!("{source} gave no credentials"))
                .hint("it is to print JSON with `Version` 1, `AccessKeyId` and `SecretAccessKey`")),
        }
    }
}

/// That an access key has no secret with it.
fn half(missing: &str, source: &str) -> Failure {
    Failure::denied(format!("{source} has the id of an access key, but no `{missing}`"))
        .hint("both parts are shown once, when an access key is made")
}

/// A file of sections, as AWS's tools write it.
struct Ini {
    path: PathBuf,
    /// Section, key in small letters, value.
    entries: Vec<(String, String, String)>,
    sections: Vec<String>,
}

impl Ini {
    fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let mut read = Self { path: path.to_owned(), entries: Vec::new(), sections: Vec::new() };
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            // What is set in is a table below a key, as `s3 =` has: nothing of it is needed here.
            if line.starts_with([' ', '\t', '#', ';']) || line.trim().is_empty() {
                continue;
            }
            // The line is not shown: it may be a secret that was broken in two.
            let wrong = |why: &str| {
                let place = format!("{}:{}", path.display(), number + 1);
                Failure::input(format!("`{place}` {why}"))
                    .hint("a line is `[profile]`, `key = value` or begins with `#`")
            };
            if let Some(rest) = line.strip_prefix('[') {
                let name = rest
                    .split_once(']')
                    .ok_or_else(|| wrong("begins a profile and does not end it: `]` is missing"))?
                    .0;
                let name = name.split_whitespace().collect::<Vec<_>>().join(" ").replace(['"', '\''], "");
                read.sections.push(name);
            } else {
                let (key, value) = line.split_once('=').ok_or_else(|| wrong("is neither a profile nor a setting"))?;
                let section = read.sections.last().ok_or_else(|| wrong("stands before the first profile"))?;
                let entry = (section.clone(), key.trim().to_ascii_lowercase(), value.trim().to_owned());
                read.entries.push(entry);
            }
        }
        Ok(read)
    }

    fn get(&self, section: &str, key: &str) -> Option<&str> {
        let found = self.entries.iter().rev().find(|(of, name, _)| of == section && name == key)?;
        Some(found.2.as_str()).filter(|value| !value.is_empty())
    }

    fn profiles(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|section| section.strip_prefix("profile ").unwrap_or(section))
    }
}

/// The words of a command line, as a shell takes quotes and backslashes; `None` when a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (None::<String>, None::<char>);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(letters.next()?),
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            (_, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Files, Ini, words};

    fn files(profile: &str, credentials: &str, config: &str) -> Files {
        let read = |name: &str, text: &str| Ini::parse(Path::new(name), text).ok();
        Files {
            profile: profile.to_owned(),
            asked: profile != "default",
            credentials: read("credentials", credentials),
            config: read("config", config),
        }
    }

    /// What an account is, or why there is none.
    fn told(files: &Files) -> String {
        match files.account() {
            Ok(account) => {
                let token = account.token.as_ref().map_or("-", |token| token.expose());
                format!("{} {} {token} of {}", account.id, account.secret.expose(), account.source)
            }
            Err(failure) => [&[failure.message][..], &failure.hints].concat().join("\n  "),
        }
    }

    const CREDENTIALS: &str = "# mine\n[default]\naws_access_key_id = AKID\naws_secret_access_key=se=cret/+\n\n[ work ]\n\
                               AWS_ACCESS_KEY_ID = WORK\naws_secret_access_key = w\naws_session_token = t\n[half]\naws_access_key_id = H\n";
    const CONFIG: &str = "[default]\nregion = eu-central-1\ns3 =\n    max_concurrent_requests = 20\n; none\n[profile work]\nregion=us-east-1\n\
                          [profile sso]\nsso_session = x\n[profile \"said\"]\ncredential_process = printf '{\"Version\": 1, \"AccessKeyId\": \"P\", \"SecretAccessKey\": \"s\"}'\n\
                          [profile bad]\ncredential_process = sh -c 'echo no token >&2; exit 3'\n[profile odd]\ncredential_process = echo hello\n\
                          [profile open]\ncredential_process = echo 'hello\n[profile here]\naws_access_key_id = C\naws_secret_access_key = c\n";

    #[test]
    fn profiles_are_found_where_awss_tools_keep_them() {
        let all: Vec<String> = ["default", "work", "half", "sso", "said", "bad", "odd", "open", "here", "wrk"]
            .iter()
            .map(|name| told(&files(name, CREDENTIALS, CONFIG)))
            .collect();
        insta::assert_snapshot!(all.join("\n"));
        assert_eq!(files("work", CREDENTIALS, CONFIG).setting("region"), Some("us-east-1"));
        assert_eq!(files("default", CREDENTIALS, CONFIG).setting("region"), Some("eu-central-1"));
        assert_eq!(told(&files("x", "", "")).lines().count(), 2);
    }

    #[test]
    fn a_line_that_is_none_is_told_without_its_text() {
        let why =
            |text: &str| Ini::parse(Path::new("/c"), text).err().map(|failure| failure.message).unwrap_or_default();
        assert_eq!(why("[default]\nkey = 1\nc3cret\n"), "`/c:3` is neither a profile nor a setting");
        assert_eq!(why("[default\n"), "`/c:1` begins a profile and does not end it: `]` is missing");
        assert_eq!(why("\u{feff}\nkey = 1\n"), "`/c:2` stands before the first profile");
        assert_eq!(why("\u{feff}[default]\r\nkey = 1\r\n"), "");
    }

    #[test]
    fn a_command_line_has_words() {
        let split = |line: &str| words(line).map(|words| words.join("|"));
        assert_eq!(split(r#"/a/b  --x "y z" 'a"b' c\ d "e\"f" '' "#).unwrap(), r#"/a/b|--x|y z|a"b|c d|e"f|"#);
        assert_eq!((split("a 'b"), split("a \\"), split("").unwrap()), (None, None, String::new()));
    }
}
