use crate::{
    Error, Run,
    converge::{Context, NoLedger},
    event::{Debt, Event, Summary},
    host::{Dry, Probe},
};

/// What a look ahead found, before anything is changed.
#[derive(Debug)]
pub enum Preflight {
    /// Nothing is to be done and nothing is in doubt: there is no need to converge.
    UpToDate(Summary),
    /// It would certainly fail: nothing was changed.
    Refused(Error),
    /// There is something to do, or something that only converging can tell.
    Converge,
}

/// Converges a run on a dry host that asks no command and downloads nothing. `listen` hears what is found, as of a plan;
/// `owed` are the notices that earlier runs owe.
pub fn preflight(run: &Run, below: &dyn Probe, owed: &[Debt], listen: &mut dyn FnMut(&Event)) -> Preflight {
    let mut dry = Dry::preflight(below);
    let context = Context { ledger: &mut NoLedger, listen, owed: owed.to_vec(), stop: &|| None };
    match run.converge(&mut dry, context) {
        Err(error) => Preflight::Refused(error),
        // What fails and is ignored is tried for real.
        Ok(Summary { changed: 0, uncertain: 0, failed: 0, up_to_date, skipped, .. }) if owed.is_empty() => {
            Preflight::UpToDate(Summary { up_to_date, skipped, ..Summary::default() })
        }
        Ok(_) => Preflight::Converge,
    }
}
