//! apt and dpkg: state is read natively from dpkg's files, changes are made by one `apt-get` for a whole transaction.
mod call;
mod candidates;
mod diagnosis;
mod marks;
mod progress;
mod repair;
mod simulation;
mod status;
mod transaction;
mod work;

use std::{
    cell::{Cell, RefCell},
    path::Path,
    rc::Rc,
    time::Duration,
};

use candidates::{Resolution, resolve};
use repair::Unfinished;
use status::Database;

use super::{Context, Manager, Repair, directory::files_in, lists::Lists};
use crate::{
    Result,
    host::{Candidate, PackageChange, PackageState, Transaction},
};

fn quoted<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>().join(", ")
}

/// dpkg's database, below the root.
pub const STATE: &str = "var/lib/dpkg";

/// apt, with what was read of dpkg's database.
#[derive(Default)]
pub struct Apt {
    database: RefCell<Option<Rc<Database>>>,
    /// Whether it was told that a dpkg was interrupted.
    told: Cell<bool>,
}

impl Apt {
    fn database(&self, context: &Context<'_>) -> Result<Rc<Database>> {
        if let Some(database) = self.database.borrow().as_ref() {
            return Ok(Rc::clone(database));
        }
        let database = Rc::new(Database::read(context.root, context.tools)?);
        if !self.told.get()
            && let Some(unfinished) = Unfinished::left(context, &database)?
        {
            self.told.set(true);
            context.warnings.borrow_mut().push(unfinished.foretold(context.repair));
        }
        // A dpkg at work changes it from one moment to the next: such a reading is not worth keeping.
        if !database.unmerged {
            self.database.replace(Some(Rc::clone(&database)));
        }
        Ok(database)
    }
}

impl Manager for Apt {
    fn absent(&self, root: &Path) -> Option<String> {
        (!root.join(STATE).is_dir()).then(|| {
            format!("this machine has no dpkg (`/{STATE}` does not exist): apt packages cannot be managed here")
        })
    }

    fn packages(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<PackageState>> {
        let database = self.database(context)?;
        Ok(names.iter().map(|name| database.state(name)).collect())
    }

    fn candidates(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<Option<Candidate>>> {
        Ok(resolve(context.tools, names)?.into_iter().map(Resolution::candidate).collect())
    }

    fn simulate(&self, context: &Context<'_>, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        simulation::simulate(context, transaction)
    }

    fn refuse_unfinished(&self, context: &Context<'_>) -> Result<()> {
        if !matches!(context.repair, Repair::Never) {
            return Ok(());
        }
        let database = self.database(context)?;
        Unfinished::left(context, &database)?.map_or(Ok(()), |unfinished| Err(unfinished.refusal()))
    }

    fn finish(&self, context: &Context<'_>, limit: Duration) -> Result<()> {
        let database = Database::read(context.root, context.tools)?;
        repair::finish(context, &database, &transaction::Clock::start(limit)).map(drop)
    }

    fn perform(&self, context: &Context<'_>, transaction: &Transaction) -> Result<()> {
        transaction::perform(context, transaction)
    }

    fn forget(&self) {
        self.database.take();
    }

    fn lists(&self) -> Option<&'static Lists> {
        Some(&LISTS)
    }

    fn marks_automatic(&self, _root: &Path) -> bool {
        true
    }

    fn update_lists(&self, context: &Context<'_>, source: Option<&Path>) -> Result<()> {
        transaction::update_lists(context, source)
    }
}

/// Locks that an installation takes, with the words for them.
pub const INSTALLING: [(&str, &str); 3] = [
    ("var/lib/dpkg/lock-frontend", "dpkg's lock"),
    ("var/lib/dpkg/lock", "dpkg's lock"),
    ("var/cache/apt/archives/lock", "apt's lock"),
];

/// The lock that refreshing the lists takes.
pub const UPDATING: [(&str, &str); 1] = [("var/lib/apt/lists/lock", "apt's lock")];

/// apt's package lists. The hook is one that Ubuntu installs; apt's daily timer touches the same file.
pub static LISTS: Lists = Lists {
    stamp: "apt-lists.json",
    sources: &["etc/apt/sources.list", "etc/apt/sources.list.d"],
    hook: |root| super::lists::modified(&root.join("var/lib/apt/periodic/update-success-stamp")),
    in_parts: false,
    any: any_list,
};

/// Whether there is any list of packages.
fn any_list(root: &Path) -> Result<bool> {
    let lists = files_in(&root.join("var/lib/apt/lists"))?;
    Ok(lists.iter().any(|path| {
        path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once("Packages")).is_some_and(
            |(before, after)| {
                (before.is_empty() || before.ends_with('_')) && (after.is_empty() || after.starts_with('.'))
            },
        )
    }))
}
