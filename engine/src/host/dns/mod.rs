//! Names in zones that take updates: a client of RFC 2136 that signs by TSIG (RFC 8945), and the keys it signs with.
//!
//! Messages are written and read here, and not by a library: the few types of records that a host's own name needs are
//! little text, and where the signature of an answer begins is what libraries do not tell. See
//! `docs/decisions/0063-dns-messages.md`.
mod authority;
mod change;
mod client;
mod key;
mod message;
mod name;
mod source;
mod tsig;
mod ttls;
mod wire;

pub use authority::{Authority, Outcome};
pub use change::RecordChange;
pub use client::{Client, Trouble};
pub use key::{Algorithm, Key};
pub use message::{Data, RecordSet, RecordType};
pub use name::Name;
pub use source::{Source, address};
pub use ttls::Ttls;
pub use wire::Server;

#[cfg(test)]
mod tests;
