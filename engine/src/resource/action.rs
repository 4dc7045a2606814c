use std::fmt;

/// The actions of a kind: a closed enum whose first variant is the default. Written with [`actions!`](crate::actions).
pub trait Action: Copy + fmt::Debug + PartialEq + Default + Send + Sync + 'static {
    /// Every action: its word, itself, what it does.
    const ALL: &'static [(&'static str, Self, &'static str)];

    /// Its word, as recipes and reports have it.
    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, action, _)| *action == self).map_or("", |(name, _, _)| name)
    }

    /// The action that a word means.
    #[must_use]
    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _, _)| *name == word).map(|(_, action, _)| *action)
    }
}

/// Defines the actions of a kind; the first one is the default.
///
/// ```
/// brasa::actions! {
///     /// What can be asked of a door.
///     pub enum Action {
///         Open = "open": "Opens it.",
///         Shut = "shut": "Shuts it.",
///     }
/// }
/// use brasa::resource::Action as _;
/// assert_eq!(Action::default().name(), "open");
/// assert_eq!(Action::named("shut"), Some(Action::Shut));
/// ```
#[macro_export]
macro_rules! actions {
    ($(#[$about:meta])* pub enum $name:ident {
        $first:ident = $first_word:literal : $first_doc:literal
        $(, $variant:ident = $word:literal : $doc:literal)* $(,)?
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name {
            #[doc = $first_doc]
            #[default]
            $first,
            $(#[doc = $doc] $variant,)*
        }
        impl $crate::resource::Action for $name {
            const ALL: &'static [(&'static str, Self, &'static str)] =
                &[($first_word, Self::$first, $first_doc) $(, ($word, Self::$variant, $doc))*];
        }
    };
}
