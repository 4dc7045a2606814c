//! snap: snapd's packages, which have channels in place of versions.
use super::{
    Context,
    driven::{Call, Installed, Tool, ask, failure},
};
use crate::{
    Result,
    host::{Command, PackageSpec, Provider, Scheme, Transaction},
};

pub struct Snap;

impl Tool for Snap {
    fn name(&self) -> &str {
        "snap"
    }

    fn installed(&self, context: &Context<'_>) -> Result<Installed> {
        let answer = context.tools.query(&Command::new(["snap", "list", "--color=never", "--unicode=never"]))?;
        // One that an earlier resource is to bring: it has nothing yet.
        if answer.code == 127 {
            return Ok(Installed::default());
        }
        if !answer.success() {
            return Err(failure(self, "cannot list snaps", &answer));
        }
        Ok(Installed { versions: table(&answer.stdout).into_iter().collect(), ..Installed::default() })
    }

    fn scheme(&self) -> Scheme {
        Scheme::Gem
    }

    fn command(&self, call: &Call<'_>, transaction: &Transaction) -> Command {
        let verb: &[&str] = match call {
            // Only an undo has a version: that before the last refresh, which is kept.
            Call::Install([PackageSpec { version: Some(_), .. }]) => &["revert"],
            Call::Install(_) => &["install"],
            Call::Upgrade(_) => &["refresh"],
            Call::Remove(_) => &["remove"],
            Call::Purge(_) => &["remove", "--purge"],
        };
        let mut argv: Vec<String> = ["snap"].iter().chain(verb).map(|word| (*word).to_owned()).collect();
        // Colours, channels and confinements are for what comes: the other verbs refuse them.
        if ["install", "refresh"].contains(&verb[0]) {
            argv.extend(["--color=never", "--unicode=never"].map(str::to_owned));
            argv.extend(transaction.options.iter().cloned());
        }
        argv.push("--".to_owned());
        argv.extend(call.names());
        Command::new(argv)
    }

    /// snap takes a channel or a confinement with a single name only, and puts back one at a time.
    fn one_each(&self, transaction: &Transaction) -> bool {
        !transaction.options.is_empty() || transaction.install.iter().any(|spec| spec.version.is_some())
    }

    fn rehearse(
        &self,
        context: &Context<'_>,
        call: &Call<'_>,
        transaction: &Transaction,
    ) -> Result<Vec<(String, Option<String>)>> {
        match call {
            Call::Remove(names) | Call::Purge(names) => Ok(names.iter().map(|name| (name.clone(), None)).collect()),
            Call::Install([PackageSpec { name, version: Some(version), .. }]) => {
                Ok(vec![(name.clone(), Some(version.clone()))])
            }
            Call::Install(_) => {
                let channel = transaction.options.iter().find_map(|option| option.strip_prefix("--channel="));
                let version = |name: &String| {
                    let what = format!("`snap` would refuse `{name}`");
                    let argv = ["snap", "info", "--color=never", "--unicode=never", "--", name];
                    let info = ask(self, context, &what, &Command::new(argv))?;
                    let version = offered(&info.stdout, channel)
                        .ok_or_else(|| failure(self, &format!("{what}: it is not on offer in the channel"), &info))?;
                    Ok((name.clone(), Some(version)))
                };
                call.names().iter().map(version).collect()
            }
            Call::Upgrade(_) => {
                let command = Command::new(["snap", "refresh", "--list", "--color=never", "--unicode=never"]);
                let newer = table(&ask(self, context, "cannot ask `snap`", &command)?.stdout);
                let named = newer.into_iter().filter(|(name, _)| call.names().contains(name));
                Ok(named.map(|(name, version)| (name, Some(version))).collect())
            }
        }
    }

    /// Of what is installed, the newest; of what is not, the one in the usual channel.
    fn newest(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<(String, String)>> {
        let installed = self.installed(context)?;
        let (there, absent): (Vec<_>, Vec<_>) = names
            .iter()
            .map(|name| PackageSpec::any(name))
            .partition(|spec| installed.versions.contains_key(&spec.name));
        let none = Transaction::new(Provider::Snap);
        let mut all = Vec::new();
        for call in [Call::Upgrade(&there), Call::Install(&absent)].iter().filter(|call| !call.names().is_empty()) {
            all.extend(self.rehearse(context, call, &none)?.into_iter().filter_map(|(name, to)| Some((name, to?))));
        }
        Ok(all)
    }

    fn reason(&self, output: &str) -> String {
        let errors = output.lines().filter_map(|line| line.strip_prefix("error: "));
        errors.collect::<Vec<_>>().join("; ")
    }

    fn cure(&self, output: &str) -> Option<String> {
        let classic = output.contains("classic confinement");
        classic.then(|| "give `options: [--classic]` if it may do what any program may".to_owned())
    }
}

/// Names and versions of a table with a head: `Name Version Rev ..`.
fn table(output: &str) -> Vec<(String, String)> {
    let rows = output.lines().skip_while(|line| !line.starts_with("Name ")).skip(1);
    let words = rows.map(|row| row.split_whitespace().map(str::to_owned));
    words.filter_map(|mut words| Some((words.next()?, words.next()?))).collect()
}

/// The version in a channel, from lines as `  latest/stable:    1.2.3 2024-01-01 (123) 10MB -`.
fn offered(info: &str, channel: Option<&str>) -> Option<String> {
    let wanted = match channel {
        Some(channel) if channel.contains('/') => channel.to_owned(),
        Some(channel) => format!("latest/{channel}"),
        None => "latest/stable".to_owned(),
    };
    let rows = info.lines().skip_while(|line| !line.starts_with("channels:")).skip(1);
    let mut channels = rows.filter_map(|line| line.trim().split_once(':'));
    let (_, rest) = channels.find(|(name, _)| *name == wanted)?;
    rest.split_whitespace().next().filter(|version| !["--", "^", "-"].contains(version)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{Call, Snap, Tool as _, offered, table};
    use crate::host::{PackageSpec, Provider, Transaction};

    #[test]
    fn options_are_for_what_comes_and_one_snap_a_call() {
        let mut transaction = Transaction::new(Provider::Snap);
        assert!(!Snap.one_each(&transaction));
        transaction.options = vec!["--classic".to_owned()];
        assert!(Snap.one_each(&transaction));
        let (specs, names) = ([PackageSpec::any("hello")], ["hello".to_owned()]);
        let line = |call| Snap.command(&call, &transaction).argv.join(" ");
        assert_eq!(line(Call::Install(&specs)), "snap install --color=never --unicode=never --classic -- hello");
        assert_eq!(line(Call::Upgrade(&specs)), "snap refresh --color=never --unicode=never --classic -- hello");
        let before = [PackageSpec { version: Some("2.9".to_owned()), ..PackageSpec::any("hello") }];
        transaction = Transaction { install: before.to_vec(), ..Transaction::new(Provider::Snap) };
        assert!(Snap.one_each(&transaction));
        let line = |call| Snap.command(&call, &transaction).argv.join(" ");
        assert_eq!(line(Call::Install(&before)), "snap revert -- hello");
        assert_eq!(line(Call::Remove(&names)), "snap remove -- hello");
        assert_eq!(line(Call::Purge(&names)), "snap remove --purge -- hello");
    }

    #[test]
    fn tables_are_read() {
        let output = "Name    Version    Rev    Tracking       Publisher   Notes\ncore22  20240111   1122   latest/stable  \
                      canonical**  base\nhello   2.10       42     latest/stable  canonical**  -\n";
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(table(output), [pair("core22", "20240111"), pair("hello", "2.10")]);
        assert!(table("No snaps are installed yet. Try 'snap install hello-world'.\n").is_empty());
        assert!(table("All snaps up to date.\n").is_empty());
    }

    #[test]
    fn channels_are_read() {
        let info = "name:      hello\nsummary:   GNU Hello\nchannels:\n  latest/stable:    2.10 2019-04-17 (38) 98kB -\n  \
                    latest/candidate: 2.12 2022-05-23 (42) 98kB -\n  latest/beta:      ^\n";
        assert_eq!(offered(info, None).as_deref(), Some("2.10"));
        assert_eq!(offered(info, Some("candidate")).as_deref(), Some("2.12"));
        assert_eq!(offered(info, Some("latest/beta")), None);
        assert_eq!(offered(info, Some("1.0/stable")), None);
    }
}
