//! What a cookbook author sees: recipes, declarations, references, guards, cookbooks.
mod attributes;
mod composite;
mod cookbook;
pub mod data;
pub(crate) mod declared;
mod guard;
mod kinds;
mod name;
mod of_chef;
#[allow(clippy::module_inception, reason = "the type gives the module its name")]
mod recipe;
mod reference;

pub(crate) use attributes::Loader;
pub use attributes::{AtLevel, AttributeFile, AttributePath};
pub use composite::{Action as CompositeAction, Composed, Composite, IntoComposed};
pub(crate) use cookbook::RecipeEntry;
pub use cookbook::{Cookbook, Origin};
pub use declared::{Declare, Declared, IntoActions, Timing};
pub use guard::{Guard, exists, shell, when};
pub use kinds::{ActionInfo, Kind, Made, kind, kinds, without};
pub use name::RecipeName;
pub(crate) use recipe::{Acts, Compiling, Entry, Loose, NOTIFIES, SUBSCRIBES, Unmade};
pub use recipe::{Recipe, Slip};
pub(crate) use reference::Address;
pub use reference::{Id, Ref, Target};
