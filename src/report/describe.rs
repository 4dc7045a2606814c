use brasa::{
    host::{AccountChange, Op, PackageChange},
    resource::Changed,
};

/// What a change means at a glance: the first column of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Something appears.
    Add,
    /// Something is changed or done.
    Change,
    /// Something goes.
    Remove,
}

impl Sign {
    /// `+`, `~` or `-`.
    #[must_use]
    pub const fn symbol(self) -> char {
        match self {
            Self::Add => '+',
            Self::Change => '~',
            Self::Remove => '-',
        }
    }
}

/// Whether a change adds, changes or removes.
#[must_use]
pub fn sign(changed: &Changed) -> Sign {
    let signs: Vec<Sign> = changed.operations.iter().map(|operation| sign_of(operation, changed)).collect();
    match signs.first() {
        Some(first) if signs.iter().all(|sign| sign == first) => *first,
        // A directory with the file in it, a unit with its start: what matters is that something appears.
        Some(_) if signs.contains(&Sign::Add) && !signs.contains(&Sign::Remove) => Sign::Add,
        Some(_) | None => Sign::Change,
    }
}

fn sign_of(operation: &Op, changed: &Changed) -> Sign {
    let new = || !changed.fields.is_empty() && changed.fields.iter().all(|field| field.from.is_null());
    match operation {
        Op::Write(_) | Op::Link { .. } if new() => Sign::Add,
        Op::Write(_) | Op::Link { .. } | Op::SetMeta { .. } => Sign::Change,
        Op::Mkdir { .. } => Sign::Add,
        Op::Remove { .. } => Sign::Remove,
        Op::Packages(transaction) if transaction.moves_nothing() => Sign::Change,
        Op::Packages(transaction) => {
            match (transaction.install.is_empty(), transaction.remove.len() + transaction.purge.len()) {
                (false, 0) => Sign::Add,
                (true, _) => Sign::Remove,
                (false, _) => Sign::Change,
            }
        }
        Op::Account(AccountChange::CreateUser { .. } | AccountChange::CreateGroup { .. }) => Sign::Add,
        Op::Account(AccountChange::RemoveUser { .. } | AccountChange::RemoveGroup { .. }) => Sign::Remove,
        Op::Account(AccountChange::ModifyUser { .. } | AccountChange::ModifyGroup { .. }) => Sign::Change,
        Op::Kept(kept) if kept.from.is_none() => Sign::Add,
        Op::Kept(kept) if kept.to.is_none() => Sign::Remove,
        Op::Records(change) if change.from.values.is_empty() => Sign::Add,
        Op::Records(change) if change.to.values.is_empty() => Sign::Remove,
        Op::Records(_) => Sign::Change,
        Op::Kept(_)
        | Op::Foreseen(_)
        | Op::UpdatePackageLists { .. }
        | Op::Service { .. }
        | Op::Run(_)
        | Op::Act(_)
        | Op::Log { .. } => Sign::Change,
    }
}

/// An operation as people say it: on one line, unless a command or a message has more.
#[must_use]
pub fn describe(operation: &Op) -> String {
    let text = said(operation);
    if matches!(operation, Op::Run(_) | Op::Log { .. }) { text } else { on_one_line(&text) }
}

/// Text in which a name from a machine or an archive, with a newline in it, forges no line.
pub(super) fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

fn said(operation: &Op) -> String {
    match operation {
        Op::Write(write) => {
            format!(
                "write {} ({} bytes, {} {}:{})",
                write.path.display(),
                write.content.size(),
                write.mode,
                write.owner,
                write.group
            )
        }
        Op::SetMeta { path, mode, owner, group } => format!("set {} to {mode} {owner}:{group}", path.display()),
        Op::Mkdir { path, mode, owner, group } => format!("make directory {} ({mode} {owner}:{group})", path.display()),
        Op::Link { path, target, hard } => {
            format!("{} {} to {}", if *hard { "hard link" } else { "link" }, path.display(), target.display())
        }
        Op::Remove { path, recursive, .. } => {
            format!("remove {}{}", path.display(), if *recursive { " with everything in it" } else { "" })
        }
        Op::Packages(transaction) => {
            let mut parts = Vec::new();
            if !transaction.install.is_empty() {
                let names = transaction.install.iter().map(|spec| match &spec.version {
                    Some(version) => format!("{} {version}", spec.name),
                    None => spec.name.clone(),
                });
                parts.push(format!("install {}", names.collect::<Vec<_>>().join(", ")));
            }
            let lists = [
                ("release", &transaction.release),
                ("remove", &transaction.remove),
                ("purge", &transaction.purge),
                ("hold", &transaction.hold),
            ];
            let named = lists.iter().filter(|(_, names)| !names.is_empty());
            parts.extend(named.map(|(verb, names)| format!("{verb} {}", names.join(", "))));
            let marks = [("manually", &transaction.manual), ("automatically", &transaction.automatic)];
            let marks = marks.iter().filter(|(_, names)| !names.is_empty());
            parts.extend(marks.map(|(how, names)| format!("mark {} as {how} installed", names.join(", "))));
            format!("{} with {}", parts.join("; "), manager(transaction.provider.name()))
        }
        Op::UpdatePackageLists { provider, source: None } => {
            format!("refresh the package lists of {}", manager(provider.name()))
        }
        Op::UpdatePackageLists { source: Some(source), .. } => {
            format!("fetch the package lists of {}", source.display())
        }
        Op::Service { unit, verb } => format!("{} {unit}", verb.name()),
        Op::Account(change) => match change {
            AccountChange::CreateUser { user, .. } => format!("make user {}", user.name),
            AccountChange::ModifyUser { to, .. } => format!("change user {}", to.name),
            AccountChange::RemoveUser { user, manage_home } => {
                format!("remove user {}{}", user.name, if *manage_home { " with its home directory" } else { "" })
            }
            AccountChange::CreateGroup { group, .. } => format!("make group {}", group.name),
            AccountChange::ModifyGroup { to, .. } => format!("change group {}", to.name),
            AccountChange::RemoveGroup { group } => format!("remove group {}", group.name),
        },
        Op::Run(command) => format!("run {command}"),
        Op::Foreseen(foreseen) => format!("run {}", foreseen.by),
        Op::Kept(kept) => {
            let commands: Vec<_> = kept.by.iter().map(ToString::to_string).collect();
            format!("run {}", commands.join(", then "))
        }
        Op::Records(change) => change.to_string(),
        Op::Act(act) => act.to_string(),
        Op::Log { message, .. } => format!("log: {message}"),
    }
}

fn manager(provider: &str) -> &str {
    if provider == "package" { "the package manager" } else { provider }
}

/// Package changes in one line each: `+ gcc 12.2`, `~ make 4.2 -> 4.3`, `- nano 7.2`.
#[must_use]
pub fn package_line(change: &PackageChange) -> String {
    match (&change.from, &change.to) {
        (None, Some(to)) => format!("+ {} {to}", change.name),
        (Some(from), Some(to)) => format!("~ {} {from} -> {to}", change.name),
        (Some(from), None) => format!("- {} {from}", change.name),
        (None, None) => format!("  {}", change.name),
    }
}

#[cfg(test)]
mod tests {
    use brasa::host::Op;

    use super::describe;

    #[test]
    fn a_name_forges_no_line() {
        let remove = Op::Remove { path: "/a\n  + will file[/b]\u{1b}[2J ä".into(), recursive: false, backup: 0 };
        assert_eq!(describe(&remove), r"remove /a\n  + will file[/b]\u{1b}[2J ä");
    }
}
