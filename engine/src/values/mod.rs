//! Small value types that appear in properties, states and operations. They look at nothing but themselves.
mod blob;
mod day;
mod mode;
mod place;
mod seconds;
mod secret;
mod words;

pub use blob::{Blob, Digest, Held, Source};
pub use day::Day;
pub use mode::Mode;
pub use place::Place;
pub use seconds::Seconds;
pub use secret::Secret;
pub(crate) use secret::{ARMORED, BINARY, SEALED, is_printed, opening};
pub use words::Words;

/// Base64 of these bytes, with padding (RFC 4648, section 4).
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}
