use serde::Serialize;

use super::{Action as _, Change, Field, Goal, Resource, diff, unified};
use crate::{
    Error, Result,
    host::{EntryKind, Host, Op, PackageChange, Performed, Probe},
    values::Blob,
};

/// What a step did, or (on a dry host) would do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The thing is as it should be.
    UpToDate,
    /// Something was done.
    Changed(Changed),
}

/// A change: what differed and what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Changed {
    /// What was done once, as `restart`. Reports call it `did`: there `event` is what the report tells.
    #[serde(rename = "did", skip_serializing_if = "Option::is_none")]
    pub event: Option<&'static str>,
    /// Properties that differed.
    pub fields: Vec<Field>,
    /// The operations, in order.
    pub operations: Vec<Op>,
    /// What the package manager changed for it, dependencies included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageChange>,
    /// Unified diffs of the files written. Empty for sensitive ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diffs: Vec<String>,
}

/// A change that was found necessary and not yet made.
pub trait Pending {
    /// The operations it takes.
    fn operations(&self) -> &[Op];
    /// Whether the state read back is the one asked for.
    ///
    /// # Errors
    /// [`Error::NotConverged`] with what is left.
    fn verify(&self, probe: &dyn Probe) -> Result<()>;
    /// What to report.
    fn into_changed(self: Box<Self>) -> Changed;
}

struct Prepared<'r, R: Resource> {
    resource: &'r R,
    action: R::Action,
    to: R::State,
    changed: Changed,
    operations: Vec<Op>,
}

impl<R: Resource> Pending for Prepared<'_, R> {
    fn operations(&self) -> &[Op] {
        &self.operations
    }

    fn verify(&self, probe: &dyn Probe) -> Result<()> {
        let now = self.resource.read_for(self.action, probe)?;
        if now == self.to {
            return Ok(());
        }
        match diff(&now, &self.to) {
            equal if equal.is_empty() => Ok(()), // in all that is shown
            left => {
                Err(not_converged(self.resource.kind(), &self.resource.name(), &left, self.resource.is_sensitive()))
            }
        }
    }

    fn into_changed(self: Box<Self>) -> Changed {
        self.changed
    }
}

fn not_converged(kind: &str, name: &str, left: &[Field], sensitive: bool) -> Error {
    let left: Vec<_> = left.iter().map(ToString::to_string).collect();
    let left = if sensitive { "(sensitive)".to_owned() } else { left.join(", ") };
    Error::NotConverged { id: format!("{kind}[{name}]"), left }
}

/// The first half of a step: read, want, diff, ops. `None` means there is nothing to do.
///
/// # Errors
/// What reading the machine or working out the goal met.
pub fn prepare<'r, R: Resource>(
    resource: &'r R,
    action: R::Action,
    sensitive: bool,
    probe: &dyn Probe,
) -> Result<Option<Box<dyn Pending + 'r>>> {
    let from = resource.read_for(action, probe)?;
    let (to, event) = match resource.want(action, &from, probe)? {
        Goal::State(to) => (to, None),
        Goal::Event(event, to) => (to, Some(event)),
    };
    if from == to && event.is_none() {
        return Ok(None);
    }
    let fields = diff(&from, &to);
    if fields.is_empty() && event.is_none() {
        return Ok(None);
    }
    let mut operations = resource.ops(&Change { from, to: to.clone(), event })?;
    if operations.is_empty() && event.is_none() {
        return Err(no_way(resource.kind(), &resource.name(), action.name()));
    }
    let sensitive = sensitive || resource.is_sensitive();
    let changed = report(event, fields, &mut operations, sensitive, probe)?;
    Ok(Some(Box::new(Prepared { resource, action, to, changed, operations })))
}

/// What is told of a change; the operations of a sensitive one are marked as such.
fn report(
    event: Option<&'static str>,
    mut fields: Vec<Field>,
    operations: &mut [Op],
    sensitive: bool,
    probe: &dyn Probe,
) -> Result<Changed> {
    let mut diffs = Vec::new();
    if sensitive {
        for operation in &mut *operations {
            match operation {
                Op::Run(command) => command.sensitive = true,
                Op::Write(write) => write.sensitive = true,
                Op::Foreseen(foreseen) => foreseen.by.sensitive = true,
                Op::Kept(kept) => {
                    kept.by.iter_mut().chain(&mut kept.back).for_each(|command| command.sensitive = true);
                }
                Op::SetMeta { .. }
                | Op::Mkdir { .. }
                | Op::Link { .. }
                | Op::Remove { .. }
                | Op::Packages(_)
                | Op::UpdatePackageLists { .. }
                | Op::Service { .. }
                | Op::Account(_)
                | Op::Records(_)
                | Op::Act(_)
                | Op::Log { .. } => {}
            }
        }
        for field in &mut fields {
            field.from = "(sensitive)".into();
            field.to = "(sensitive)".into();
        }
    } else {
        for operation in &*operations {
            diffs.extend(content_diff(operation, probe)?);
        }
    }
    let mut shown = operations.to_vec();
    if sensitive {
        shown.iter_mut().filter_map(Op::content_mut).for_each(Blob::hide);
    }
    Ok(Changed { event, fields, operations: shown, packages: Vec::new(), diffs })
}

fn no_way(kind: &str, name: &str, action: &str) -> Error {
    Error::failed(format!("{kind}[{name}]: nothing leads to the state that action `{action}` asks for"))
}

fn content_diff(operation: &Op, probe: &dyn Probe) -> Result<Option<String>> {
    let Op::Write(write) = operation else { return Ok(None) };
    if write.sensitive {
        return Ok(None);
    }
    let old = match probe.entry(&write.path)?.map(|entry| entry.kind) {
        Some(EntryKind::File { content }) => Some(content),
        Some(EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. }) | None => None,
    };
    Ok(unified(&write.path.display().to_string(), old.as_ref(), &write.content))
}

/// A whole step: read, want, diff, perform, read again. The one place where this is written.
///
/// # Errors
/// What reading, the goal or an operation met; [`Error::NotConverged`] when the state read back is another.
pub fn step<R: Resource>(resource: &R, action: R::Action, host: &mut dyn Host) -> Result<Step> {
    let Some(pending) = prepare(resource, action, false, host.as_probe())? else {
        return Ok(Step::UpToDate);
    };
    carry_out(&*pending, host)?;
    let mut changed = pending.into_changed();
    changed.packages = host.take_package_changes();
    Ok(Step::Changed(changed))
}

/// Files written one after the other in a group: a host has at most the contents that it replaces in memory at the same time.
const TOGETHER: usize = 100;

/// The operations of a step in the order they are performed in: neighbouring files that nothing judges are written, and synced,
/// together.
pub(crate) fn groups(operations: &[Op]) -> impl Iterator<Item = &[Op]> {
    let plain = |op: &Op| matches!(op, Op::Write(write) if write.verify.is_empty());
    operations.chunk_by(move |one, next| plain(one) && plain(next)).flat_map(|group| group.chunks(TOGETHER))
}

/// The second half of a step: perform, read again.
pub(crate) fn carry_out(pending: &dyn Pending, host: &mut dyn Host) -> Result<()> {
    let mut known = true;
    for group in groups(pending.operations()) {
        known &= host.perform_all(group)? == Performed::Done;
    }
    if known { pending.verify(host.as_probe()) } else { Ok(()) }
}
