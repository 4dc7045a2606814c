//! Cookbooks as data: directories on `cookbook_path` with recipes in YAML or JSON. `docs/data-cookbooks.md` tells authors.
//!
//! | module | what |
//! |---|---|
//! | [`load()`] | directories into [`Cookbook`](super::Cookbook)s; no recipe is read before it is needed |
//! | `shelf`, `metadata`, `file` | what lies in a cookbook's directory |
//! | `list`, `order`, `notice` | the `resources` of a recipe, one of them, its notices |
//! | `attributes` | files of attributes, and writes of them in recipes |
//! | `expression` | `{{ node.name }}` |
//! | `search` | where templates and files are looked for |
mod attributes;
mod expression;
mod file;
mod list;
mod load;
mod metadata;
mod notice;
mod order;
mod search;
mod shelf;

pub use load::{Found, Note, load};
pub use order::COMMON;
