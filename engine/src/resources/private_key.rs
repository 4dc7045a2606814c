//! What the kinds of private keys share: everything but the sort of key.
use crate::{Fault, actions};

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has a key be there.",
    }
}

/// Defines a kind that is a private key: its own property, which `sort` makes a sort of key from and `faults` judges, and
/// after it those that every such kind has.
macro_rules! private_key {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident($kind:literal) { $($own:tt)* }
        example $example:literal
        sort $sort:expr;
        faults $faults:expr;
    ) => {
        $crate::properties! {
            $(#[doc = $about])+
            pub struct $name("path") {
                path: ::std::path::PathBuf;
                $($own)*
            }
            example $example
            shared {
                /// The password that it is encrypted with. One that is there and not encrypted is encrypted then, and stays the
                /// same key.
                key_pass: $crate::values::Secret,
                /// What one that gets a password here is encrypted with; `aes-256-cbc` when not given.
                key_cipher: String,
                /// Name or number of the owner. A new one belongs to root; one that is there keeps its owner.
                owner: String,
                /// Name or number of the group. A new one belongs to root's; one that is there keeps its group.
                group: String,
                /// Permission bits; 0600 when not given.
                mode: $crate::values::Mode,
                /// Whether what is there is replaced when it is no key that openssl can read, or one of another sort.
                force: bool,
            }
        }

        impl $name {
            /// The key at this absolute path.
            #[must_use]
            pub fn at(path: impl Into<::std::path::PathBuf>) -> Self {
                Self::bare(path.into())
            }

            fn key(&self) -> $crate::resources::openssl::Key<'_> {
                let mode = self.mode.unwrap_or($crate::values::Mode::from(0o600));
                let sort: fn(&Self) -> $crate::resources::openssl::Sort<'_> = $sort;
                $crate::resources::openssl::Key {
                    file: $crate::resources::openssl::file(&self.path, mode, self.owner.as_ref(), self.group.as_ref()),
                    sort: sort(self),
                    password: self.key_pass.as_ref(),
                    cipher: self.key_cipher.as_deref().unwrap_or($crate::resources::openssl::CIPHER),
                    force: self.force.unwrap_or(false),
                }
            }
        }

        impl $crate::resource::Resource for $name {
            const KIND: &'static str = $kind;
            type Action = $crate::resources::private_key::Action;
            type State = $crate::resources::file::State;

            fn name(&self) -> String {
                self.path.display().to_string()
            }

            fn check(&self) -> Vec<$crate::Fault> {
                let own: fn(&Self) -> Option<$crate::Fault> = $faults;
                let mut faults = self.key().file.check();
                faults.extend(own(self));
                faults.extend($crate::resources::private_key::name_fault("key_cipher", self.key_cipher.as_deref()));
                faults
            }

            fn read(&self, probe: &dyn $crate::host::Probe) -> $crate::Result<Self::State> {
                self.key().file.read(probe)
            }

            fn found(&self, probe: &dyn $crate::host::Probe) -> $crate::Result<Option<$crate::resource::Found>> {
                self.key().found(Self::KIND, self.name(), probe).map(Some)
            }

            fn want(
                &self,
                _: Self::Action,
                now: &Self::State,
                probe: &dyn $crate::host::Probe,
            ) -> $crate::Result<$crate::resource::Goal<Self::State>> {
                self.key().wanted(now, probe).map($crate::resource::Goal::State)
            }

            fn ops(&self, change: &$crate::resource::Change<Self::State>) -> $crate::Result<Vec<$crate::host::Op>> {
                self.key().steps(&change.from, &change.to)
            }
        }
    };
}
pub(crate) use private_key;

/// What is wrong with a name that openssl is given.
pub(crate) fn name_fault(what: &str, name: Option<&str>) -> Option<Fault> {
    let known = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let wrong = name.filter(|name| !known(name))?;
    Some(Fault::new(format!("{what} `{}` is no name that openssl has", wrong.escape_debug())))
}
