use super::{super::Context, call::Call, diagnosis::Diagnosis, status::Database, work::Work};
use crate::{
    Error, Result,
    host::{PackageChange, Transaction},
};

/// Everything apt would do, dependencies included, by `apt-get -s`.
pub fn simulate(context: &Context<'_>, transaction: &Transaction) -> Result<Vec<PackageChange>> {
    let database = Database::read(context.root, context.tools)?;
    let mut work = Work::needed(transaction, &database)?;
    work.leave_to_repair(transaction);
    if work.is_empty() {
        return Ok(Vec::new());
    }
    work.resolve(context, &|| Ok(false))?;
    if !transaction.allow_removals {
        work.refuse_unasked_removals(context, transaction)?;
    }
    let changes = changes(context, &work, transaction)?;
    // The simulation may change whatever is held; the call itself only what was released before it.
    let released = |name: &str| transaction.release.iter().any(|one| database.same(one, name));
    let allowed = transaction.options.iter().any(|option| option == "--allow-change-held-packages");
    let held = |change: &&PackageChange| !allowed && database.state(&change.name).held && !released(&change.name);
    match changes.iter().find(held) {
        Some(held) => Err(Error::failed(format!("apt would refuse to change `{}`, which is held", held.name))
            .hint("release it with the action `unlock`, or leave out what needs another version of it")),
        None => Ok(changes),
    }
}

/// The same of work that is resolved.
pub fn changes(context: &Context<'_>, work: &Work, transaction: &Transaction) -> Result<Vec<PackageChange>> {
    let mut changes = Vec::new();
    for call in work.calls() {
        // A simulation cannot release anything first.
        let releases: &[&str] = if transaction.release.is_empty() { &[] } else { &["--allow-change-held-packages"] };
        let command = call.command(transaction, &[&["-s"], releases].concat());
        let answer = context.tools.query(&command)?;
        let output = format!("{}\n{}", answer.stdout, answer.stderr);
        if !answer.success() {
            return Err(Diagnosis::of(&output).error(&doing(&call)));
        }
        changes.extend(parse(&answer.stdout));
    }
    Ok(changes)
}

fn doing(call: &Call) -> String {
    format!("apt would refuse to {call}")
}

/// Reads `Inst NAME [OLD] (NEW SUITE [ARCH])`, `Remv NAME [OLD]` and `Purg NAME [OLD]`; one change for each package.
fn parse(output: &str) -> Vec<PackageChange> {
    let mut changes: Vec<PackageChange> = Vec::new();
    for line in output.lines() {
        let mut words = line.split_whitespace();
        let installs = match words.next() {
            Some("Inst") => true,
            Some("Remv" | "Purg") => false,
            Some(_) | None => continue,
        };
        let Some(name) = words.next() else { continue };
        let mut from = None;
        let mut to = None;
        for word in words {
            if let Some(version) = word.strip_prefix('[').and_then(|word| word.strip_suffix(']'))
                && to.is_none()
                && from.is_none()
            {
                from = Some(version.to_owned());
            } else if installs && to.is_none() {
                to = word.strip_prefix('(').map(ToOwned::to_owned);
            }
        }
        match changes.iter_mut().find(|change| change.name == name) {
            // Removed first and put back later in the same run: an upgrade.
            Some(change) => change.to = to,
            None => changes.push(PackageChange { name: name.to_owned(), from, to }),
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::host::PackageChange;

    #[test]
    fn the_plan_is_read() {
        let output = "NOTE: This is only a simulation!\nReading package lists...\nRemv lab-conflict [1.0]\nInst lab-lib (1.1 \
                      Lab:lab [all])\nInst lab-app [1.0] (2.0 Lab:lab [all]) [lab-x:amd64 ]\nInst libc6:i386 [2.36-8] (2.36-9 \
                      Debian:12/stable [i386])\nConf lab-lib (1.1 Lab:lab [all])\nPurg lab-doc [1.0]\nPurg lab-old\n";
        let change = |name: &str, from: Option<&str>, to: Option<&str>| PackageChange {
            name: name.to_owned(),
            from: from.map(ToOwned::to_owned),
            to: to.map(ToOwned::to_owned),
        };
        assert_eq!(
            parse(output),
            [
                change("lab-conflict", Some("1.0"), None),
                change("lab-lib", None, Some("1.1")),
                change("lab-app", Some("1.0"), Some("2.0")),
                change("libc6:i386", Some("2.36-8"), Some("2.36-9")),
                change("lab-doc", Some("1.0"), None),
                change("lab-old", None, None),
            ]
        );
    }
}
