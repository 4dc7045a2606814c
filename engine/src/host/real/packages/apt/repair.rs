//! What an interrupted dpkg has left.
use super::{
    super::{Context, Repair, locks},
    INSTALLING,
    call::Call,
    diagnosis::Diagnosis,
    quoted,
    status::Database,
    transaction::{Clock, command, note, watched},
};
use crate::{
    Error, Result,
    host::{ConfigFiles, Provider, Transaction},
};

/// What is to be finished, and how.
#[derive(Debug)]
pub struct Unfinished {
    /// In words.
    left: String,
    configure: bool,
    reinstall: Vec<String>,
}

impl Unfinished {
    fn of(database: &Database) -> Option<Self> {
        let unconfigured = database.unconfigured();
        let half_installed = database.half_installed();
        let configure = database.unmerged || !unconfigured.is_empty();
        if !configure && half_installed.is_empty() {
            return None;
        }
        let mut left: Vec<String> =
            unconfigured.iter().chain(&half_installed).map(|(name, state)| format!("`{name}` is {state}")).collect();
        if left.is_empty() {
            left.push("its journal in `/var/lib/dpkg/updates` is not empty".to_owned());
        }
        let reinstall = half_installed.into_iter().map(|(name, _)| name).collect();
        Some(Self { left: left.join(", "), configure, reinstall })
    }

    /// The same, unless a dpkg is at work: what it has not done yet is nothing that was left.
    pub fn left(context: &Context<'_>, database: &Database) -> Result<Option<Self>> {
        let left = Self::of(database);
        let at_work = left.is_some() && locks::first_held(context.root, &INSTALLING)?.is_some();
        Ok(left.filter(|_| !at_work))
    }

    fn told(&self) -> String {
        format!("an earlier run of dpkg was not finished ({})", self.left)
    }

    fn cures(&self) -> String {
        let configure = self.configure.then(|| "dpkg --configure -a".to_owned());
        let reinstall = self.reinstall.join(" ");
        let reinstall = (!reinstall.is_empty()).then(|| format!("apt-get install --reinstall {reinstall}"));
        configure.into_iter().chain(reinstall).collect::<Vec<_>>().join("` and `")
    }

    /// The sentence about what will become of it.
    pub fn foretold(&self, repair: Repair) -> String {
        let (told, cures) = (self.told(), self.cures());
        match repair {
            Repair::Auto => format!("{told}; `{cures}` comes before packages are changed"),
            Repair::Ask(_) => {
                format!("{told}; before packages are changed, it is asked whether `{cures}` is to finish it")
            }
            Repair::Never => format!("{told}; no packages are changed until somebody has finished it with `{cures}`"),
        }
    }

    /// Why no packages are changed.
    pub fn refusal(&self) -> Error {
        Error::failed(format!("an earlier run of dpkg was not finished: {}", self.left))
            .hint(format!("finish it with `{}` and run again", self.cures()))
    }
}

/// Finishes what an interrupted dpkg has left, where the policy lets it. Whether anything was done.
pub fn finish(context: &Context<'_>, database: &Database, clock: &Clock) -> Result<bool> {
    let Some(unfinished) = Unfinished::of(database) else { return Ok(false) };
    let (told, cures) = (unfinished.told(), unfinished.cures());
    let agreed = match context.repair {
        Repair::Auto => true,
        Repair::Ask(ask) => ask(&format!("{told}; `{cures}` would finish it")),
        Repair::Never => false,
    };
    if !agreed {
        return Err(unfinished.refusal());
    }
    note(context, format!("{told}: running `{cures}`"));
    if unfinished.configure {
        configure(context, clock)?;
    }
    if !unfinished.reinstall.is_empty() {
        reinstall(context, unfinished.reinstall, clock)?;
    }
    Ok(true)
}

/// A package that dpkg was ended in while unpacking it counts as installed for apt, in its own version.
fn reinstall(context: &Context<'_>, names: Vec<String>, clock: &Clock) -> Result<()> {
    let call = Call { verb: "install", purge: false, removes: false, names };
    let timeout = format!("DPkg::Lock::Timeout={}", clock.left().0);
    let mut command = call.command(
        &Transaction::new(Provider::Apt),
        &["-o", &timeout, "-o", "Dpkg::Use-Pty=0", "-o", "APT::Status-Fd=3", "--reinstall"],
    );
    command.timeout = clock.left();
    let answer = watched(context, command)?;
    if !answer.success() {
        let diagnosis = Diagnosis::of(&format!("{}\n{}", answer.stdout, answer.stderr));
        note(context, format!("apt could not reinstall {}: {}", quoted(&call.names), diagnosis.summary()));
    }
    Ok(())
}

/// A package that cannot be configured is told and no more: it may be the one that this transaction removes, and what
/// counts in the end is the state of the packages asked for.
pub fn configure(context: &Context<'_>, clock: &Clock) -> Result<()> {
    let arguments = ["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"];
    let arguments = arguments.map(ToOwned::to_owned).into();
    let answer = watched(context, command(arguments, ConfigFiles::Keep, clock))?;
    if !answer.success() {
        let diagnosis = Diagnosis::of(&format!("{}\n{}", answer.stdout, answer.stderr));
        note(context, format!("`dpkg --configure -a` could not finish: {}", diagnosis.summary()));
    }
    Ok(())
}
