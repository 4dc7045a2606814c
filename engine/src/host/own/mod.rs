//! Files of brasa's own: where runs are written down, not what is managed. All of them are private (0600 in 0700).
mod directory;
mod store;

pub use directory::{Directory, make};
pub use store::Store;

/// The number of this process.
#[must_use]
pub fn process_number() -> u32 {
    std::process::id()
}
