//! A machine whose every change is written down, durably and with the way back, before it is made.
use std::{ffi::OsString, path::Path, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{
    Answer, Candidate, Command, Enabled, Entry, Fetched, Group, Host, Init, Interface, Kernel, Op, PackageChange,
    PackageState, Performed, Probe, Provider, Reboot, Request, ServiceState, Transaction, User,
    dns::{Authority, Name, RecordSet, RecordType},
    inverse::{Seen, Undo, of_packages, redacted, touched, tree},
};
use crate::{
    Result,
    values::{Blob, Seconds},
};

/// Where operations are written down.
pub trait Sink {
    /// Keeps contents durably, by their checksum.
    ///
    /// # Errors
    /// When one cannot be kept: then nothing is changed.
    fn keep(&mut self, contents: &[Blob]) -> Result<()>;

    /// Writes down, durably, what is about to be done and how to take it back. Returns the first one's number; the
    /// others follow.
    ///
    /// # Errors
    /// When it cannot be written: then nothing is changed.
    fn begin(&mut self, operations: &[(Op, Undo)]) -> Result<u64>;

    /// Writes down how an operation ended.
    ///
    /// # Errors
    /// When it cannot be written.
    fn end(&mut self, number: u64, ended: &Ended) -> Result<()>;
}

/// How an operation ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The paths that it changed, as it left them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Seen>,
    /// What the package manager really changed, dependencies included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageChange>,
    /// The way back from that, in place of the one foreseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
}

/// The journalling host: see the module.
pub struct Journal<'a> {
    below: &'a mut dyn Host,
    sink: &'a mut dyn Sink,
    packages: Vec<PackageChange>,
}

impl<'a> Journal<'a> {
    /// Writes down in `sink` what is done to `below`.
    pub fn new(below: &'a mut dyn Host, sink: &'a mut dyn Sink) -> Self {
        Self { below, sink, packages: Vec::new() }
    }

    fn recorded(
        &mut self,
        operations: &[Op],
        perform: impl FnOnce(&mut dyn Host) -> Result<Performed>,
    ) -> Result<Performed> {
        // A log line changes nothing: a run that only logs leaves no journal.
        let changing = || operations.iter().filter(|op| !matches!(op, Op::Log { .. }));
        if changing().next().is_none() {
            return perform(self.below);
        }
        let mut lines = Vec::with_capacity(operations.len());
        let mut contents = Vec::new();
        for op in changing() {
            let undo = Undo::of(op, self.below.as_probe())?;
            contents.extend(undo.contents().cloned());
            lines.push((redacted(op), undo));
        }
        self.sink.keep(&contents)?;
        drop(contents);
        let first = self.sink.begin(&lines)?;
        let performed = perform(self.below);
        let packages = self.below.take_package_changes();
        for (number, (op, undo)) in (first..).zip(&lines) {
            let mut ended = Ended { error: performed.as_ref().err().map(ToString::to_string), ..Ended::default() };
            for path in touched(op) {
                // What cannot be read back is met again when the step is verified.
                if let Ok(entry) = self.below.entry(&path) {
                    ended.left.push(Seen { path, entry });
                }
            }
            // What a new account's home holds from the first is no work of its user.
            if let (Op::Account(_), Some((_, home)), Ok(_)) = (op, undo.new_home(), &performed) {
                match tree(home, self.below.as_probe()) {
                    Ok(tree) => ended.left.extend(tree),
                    Err(error) => tracing::warn!("what is in `{}` was not noted: {error}", home.display()),
                }
            }
            if let Op::Packages(transaction) = op
                && !transaction.moves_nothing()
                && (performed.is_err() || !packages.is_empty())
            {
                ended.undo = Some(of_packages(&transaction.provider, &packages, undo.automatic()));
                ended.packages.clone_from(&packages);
            }
            // The change is made whether or not its end can be written down: it must not count as one that was not made.
            // What the journal lacks is what a run cut off here would lack, and is read as such.
            if let Err(error) = self.sink.end(number, &ended) {
                tracing::warn!("the end of an operation could not be recorded: {error}");
            }
        }
        self.packages.extend(packages);
        performed
    }
}

impl Host for Journal<'_> {
    fn perform(&mut self, op: &Op) -> Result<Performed> {
        self.recorded(std::slice::from_ref(op), |below| below.perform(op))
    }

    fn perform_all(&mut self, operations: &[Op]) -> Result<Performed> {
        self.recorded(operations, |below| below.perform_all(operations))
    }

    fn as_probe(&self) -> &dyn Probe {
        self
    }

    fn take_doubts(&mut self) -> Vec<String> {
        self.below.take_doubts()
    }

    fn take_package_changes(&mut self) -> Vec<PackageChange> {
        let mut changes = std::mem::take(&mut self.packages);
        changes.extend(self.below.take_package_changes());
        changes
    }

    fn finish(&mut self) -> Result<()> {
        self.below.finish()
    }

    fn take_reboot(&mut self) -> Option<Reboot> {
        self.below.take_reboot()
    }

    fn reboot(&mut self, reboot: &Reboot) -> Result<()> {
        self.below.reboot(reboot)
    }

    fn is_dry(&self) -> bool {
        self.below.is_dry()
    }
}

impl Probe for Journal<'_> {
    fn entry(&self, path: &Path) -> Result<Option<Entry>> {
        self.below.entry(path)
    }

    fn same_file(&self, one: &Path, other: &Path) -> Result<bool> {
        self.below.same_file(one, other)
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>> {
        self.below.list(path)
    }

    fn packages(&self, provider: &Provider, names: &[String]) -> Result<Vec<PackageState>> {
        self.below.packages(provider, names)
    }

    fn candidates(&self, provider: &Provider, names: &[String]) -> Result<Vec<Option<Candidate>>> {
        self.below.candidates(provider, names)
    }

    fn simulate(&self, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        self.below.simulate(transaction)
    }

    fn package_lists_age(&self, provider: &Provider) -> Result<Option<Seconds>> {
        self.below.package_lists_age(provider)
    }

    fn has_package_lists(&self, provider: &Provider) -> Result<bool> {
        self.below.has_package_lists(provider)
    }

    fn reads_all_sources(&self, provider: &Provider) -> Result<bool> {
        self.below.reads_all_sources(provider)
    }

    fn provider(&self, provider: &Provider) -> Result<Provider> {
        self.below.provider(provider)
    }

    fn marks_automatic(&self, provider: &Provider) -> Result<bool> {
        self.below.marks_automatic(provider)
    }

    fn may_change_packages(&self, provider: &Provider) -> Result<()> {
        self.below.may_change_packages(provider)
    }

    fn source_is_fetched(&self, provider: &Provider, source: &Path) -> Result<bool> {
        self.below.source_is_fetched(provider, source)
    }

    fn unit(&self, unit: &str) -> Result<String> {
        self.below.unit(unit)
    }

    fn reloads(&self, unit: &str) -> Result<Option<bool>> {
        self.below.reloads(unit)
    }

    fn unmasked(&self, unit: &str) -> Result<Option<Enabled>> {
        self.below.unmasked(unit)
    }

    fn service(&self, unit: &str) -> Result<ServiceState> {
        self.below.service(unit)
    }

    fn init(&self) -> Result<Init> {
        self.below.init()
    }

    fn user(&self, name: &str) -> Result<Option<User>> {
        self.below.user(name)
    }

    fn group(&self, name: &str) -> Result<Option<Group>> {
        self.below.group(name)
    }

    fn own_users(&self) -> Result<Vec<String>> {
        self.below.own_users()
    }

    fn own_groups(&self) -> Result<Vec<String>> {
        self.below.own_groups()
    }

    fn groups_of(&self, member: &str) -> Result<Vec<String>> {
        self.below.groups_of(member)
    }

    fn query(&self, command: &Command) -> Result<Answer> {
        self.below.query(command)
    }

    fn fetch(&self, request: &Request) -> Result<Fetched> {
        self.below.fetch(request)
    }

    fn kernel(&self) -> Result<Kernel> {
        self.below.kernel()
    }

    fn records(&self, authority: &Authority, name: &Name, kind: RecordType) -> Result<RecordSet> {
        self.below.records(authority, name, kind)
    }

    fn interfaces(&self) -> Result<Vec<Interface>> {
        self.below.interfaces()
    }

    fn offline(&self) -> bool {
        self.below.offline()
    }

    fn effective_user(&self) -> u32 {
        self.below.effective_user()
    }

    fn writable(&self, path: &Path, bytes: u64) -> Result<()> {
        self.below.writable(path, bytes)
    }

    fn now(&self) -> SystemTime {
        self.below.now()
    }
}
