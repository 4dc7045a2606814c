use std::{fmt, marker::PhantomData};

use crate::resource::Resource;

/// Typed handle of a declared resource, as [`Recipe::add`](super::Recipe::add) returns it.
pub struct Ref<R> {
    pub(crate) index: usize,
    kind: PhantomData<fn() -> R>,
}

impl<R> Ref<R> {
    pub(crate) const fn new(index: usize) -> Self {
        Self { index, kind: PhantomData }
    }
}

impl<R> Clone for Ref<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Ref<R> {}

/// Typed name of a resource declared elsewhere: in another cookbook, or later on.
///
/// A cookbook exports these as constants, so that a slip is a compile error.
pub struct Id<R> {
    name: &'static str,
    kind: PhantomData<fn() -> R>,
}

impl<R> Id<R> {
    /// The resource of kind `R` with this name.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self { name, kind: PhantomData }
    }

    /// The words inside the brackets.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<R> Clone for Id<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Id<R> {}

impl<R: Resource> fmt::Display for Id<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", R::KIND, self.name)
    }
}

/// Where a notice goes or comes from, before it is resolved.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Address {
    /// The n-th resource of the run.
    Index(usize),
    /// `kind[name]`; the last one declared with it.
    Name(String),
}

/// What a notice can point at: a [`Ref`] or an [`Id`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a reference to a `{R}`",
    label = "the action belongs to `{R}`, this is `{Self}`"
)]
pub trait Target<R>: sealed::Addressed {}

impl<R> Target<R> for Ref<R> {}
impl<R: Resource> Target<R> for Id<R> {}

pub(crate) mod sealed {
    use super::{Address, Id, Ref, Resource};

    #[allow(private_interfaces, reason = "sealed: only this crate can name it")]
    pub trait Addressed {
        fn address(&self) -> Address;
    }

    #[allow(private_interfaces, reason = "sealed: only this crate can name it")]
    impl<R> Addressed for Ref<R> {
        fn address(&self) -> Address {
            Address::Index(self.index)
        }
    }

    #[allow(private_interfaces, reason = "sealed: only this crate can name it")]
    impl<R: Resource> Addressed for Id<R> {
        fn address(&self) -> Address {
            Address::Name(self.to_string())
        }
    }
}
