//! Where steps and promised notices are written down.
use crate::{Result, event::Debt};

/// Where steps and promised notices are written down, durably, before anything is changed.
pub trait Ledger {
    /// A step is about to change something; if it does, these notices are owed.
    ///
    /// # Errors
    /// When it cannot be written: then nothing is changed.
    fn begin(&mut self, resource: &str, action: &str, owes: &[Debt]) -> Result<()>;

    /// The operations that are performed next, together, belong to these of the steps that have begun: for each operation
    /// resource and action of its members. Without this they belong to the step that began last.
    fn joined(&mut self, _members: &[Vec<(&str, &str)>]) {}

    /// The step has ended.
    ///
    /// # Errors
    /// When it cannot be written.
    fn end(&mut self, resource: &str, action: &str, changed: bool) -> Result<()>;

    /// The notice was delivered, or is void.
    ///
    /// # Errors
    /// When it cannot be written.
    fn settle(&mut self, debt: &Debt) -> Result<()>;
}

/// A ledger that forgets: for plans and tests.
pub struct NoLedger;

impl Ledger for NoLedger {
    fn begin(&mut self, _: &str, _: &str, _: &[Debt]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &str, _: &str, _: bool) -> Result<()> {
        Ok(())
    }

    fn settle(&mut self, _: &Debt) -> Result<()> {
        Ok(())
    }
}
