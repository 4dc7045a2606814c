use crate::{
    Result,
    host::{Answer, Command},
};

/// Runs the package managers' programs, inside the root that is managed.
pub trait Tools {
    /// Runs a command that only reads.
    ///
    /// # Errors
    /// When it cannot be started as asked or its deadline passes. A program that does not exist is the answer 127.
    fn query(&self, command: &Command) -> Result<Answer>;

    /// Runs a command that changes something, and hands over what it writes to descriptor 3, line by line.
    ///
    /// # Errors
    /// As of [`query`](Self::query).
    fn watch(&self, command: &Command, on_status: &mut dyn FnMut(&str)) -> Result<Answer>;
}
