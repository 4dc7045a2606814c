//! A run-list with its roles resolved: recipes in order, and the attributes that roles and the environment bring.
//!
//! Source: chef-solo 18, measured: a role's own items first, then its attributes, so that the includer counts more than
//! what it includes; a role counts once, and circles end silently.
use std::collections::{HashMap, HashSet, hash_map::Entry};

use serde_json::{Value, json};

use super::{
    Attributes, Named, RunListItem,
    levels::Layer,
    library::{Asked, Library},
};
use crate::{Error, Fault, Result, error::ENOUGH, node::Node, values::Place};

/// Roles may include each other so deep.
const MOST_DEPTH: usize = 1000;

/// What became of a run-list.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    /// Recipes in order, equal ones once.
    pub recipes: Vec<RunListItem>,
    /// Names of the roles, in the order in which they were first met.
    pub roles: Vec<String>,
    /// What the environment asks of cookbooks.
    pub asked: Vec<Asked>,
    /// Roles and the environment that are not there or not understood, and recipes that two versions are asked of. They are
    /// told together with what is wrong with recipes, by [`expand`](crate::expand).
    pub faults: Vec<Fault>,
}

impl Expansion {
    /// What Chef says of a node at the automatic level beside what is known of its machine.
    #[must_use]
    pub fn automatic(&self, name: &str, environment: &str) -> Value {
        let mut recipes: Vec<String> = Vec::new();
        let mut whole: Vec<String> = Vec::new();
        for item in &self.recipes {
            let Named::Recipe { name, version } = &item.named else { continue };
            let long = if name.contains("::") { name.clone() } else { format!("{name}::default") };
            whole.push(version.as_ref().map_or_else(|| long.clone(), |version| format!("{long}@{version}")));
            // The default recipe goes by both its names.
            recipes.extend(long.strip_suffix("::default").map(str::to_owned));
            recipes.push(long);
        }
        json!({
            "name": name,
            "chef_environment": environment,
            "roles": self.roles,
            "recipes": recipes,
            "expanded_run_list": whole,
        })
    }

    /// Expands items in an environment, and adds what roles and the environment say to the attributes.
    ///
    /// # Errors
    /// That a directory cannot be read. What is wrong with the input is in [`Expansion::faults`].
    pub fn of(
        items: &[RunListItem],
        environment: &str,
        library: &Library,
        attributes: &mut Attributes,
    ) -> Result<Self> {
        let mut expander = Expander {
            environment,
            library,
            attributes,
            found: Self::default(),
            recipes: HashMap::new(),
            roles: HashSet::new(),
        };
        if environment != Node::NO_ENVIRONMENT {
            expander.environment()?;
        }
        expander.items(items, 0)?;
        Ok(expander.found)
    }
}

struct Expander<'e, 'p> {
    environment: &'e str,
    library: &'e Library<'p>,
    attributes: &'e mut Attributes,
    found: Expansion,
    /// Numbers of the recipes found, by name.
    recipes: HashMap<String, usize>,
    /// Names of the roles found.
    roles: HashSet<String>,
}

impl Expander<'_, '_> {
    fn environment(&mut self) -> Result<()> {
        match self.library.environment(self.environment) {
            Ok(environment) => {
                let of = format!("environment {}", self.environment);
                let document = &environment.document;
                self.attributes.add(Layer::EnvironmentDefault, &of, document, "default_attributes");
                self.attributes.add(Layer::EnvironmentOverride, &of, document, "override_attributes");
                self.found.asked = environment.constraints;
                self.found.faults.extend(environment.faults);
            }
            Err(Error::Faults(faults)) => self.found.faults.extend(faults),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn items(&mut self, items: &[RunListItem], depth: usize) -> Result<()> {
        for item in items {
            match &item.named {
                Named::Recipe { name, version } => self.recipe(item, name, version.as_deref()),
                Named::Role { name } => self.role(name, &item.place, depth)?,
            }
        }
        Ok(())
    }

    fn recipe(&mut self, item: &RunListItem, name: &str, version: Option<&str>) {
        let number = match self.recipes.entry(name.to_owned()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                new.insert(self.found.recipes.len());
                self.found.recipes.push(item.clone());
                return;
            }
        };
        let first = &self.found.recipes[number];
        let Named::Recipe { version: other, .. } = &first.named else { return };
        let numbers = |version: &str| super::CookbookVersion::parse(version);
        let differ = match (version, other) {
            (Some(one), Some(other)) => numbers(one) != numbers(other),
            // Who does not care takes what the other one asks for.
            (Some(_) | None, _) => false,
        };
        if differ {
            let (one, other) = (version.unwrap_or_default(), other.as_deref().unwrap_or_default());
            let fault =
                Fault::new(format!("two versions of `{name}` are asked for: {one}, and {other} at {}", first.place));
            self.found.faults.push(fault.at(item.place.clone()).hint("keep one of them"));
        } else if version.is_some() {
            self.found.recipes[number].named = item.named.clone();
        }
    }

    fn role(&mut self, name: &str, place: &Place, depth: usize) -> Result<()> {
        if self.roles.contains(name) || self.found.faults.len() >= ENOUGH {
            return Ok(());
        }
        if depth == MOST_DEPTH {
            let fault = Fault::new(format!("roles include each other more than {MOST_DEPTH} deep at `{name}`"));
            self.found.faults.push(fault.at(place.clone()).hint("put some of their run-lists together"));
            return Ok(());
        }
        self.roles.insert(name.to_owned());
        self.found.roles.push(name.to_owned());
        let role = match self.library.role(name) {
            Ok(role) => role,
            Err(Error::Faults(faults)) => {
                let placed = |fault: Fault| if fault.place.is_some() { fault } else { fault.at(place.clone()) };
                self.found.faults.extend(faults.into_iter().map(placed));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.found.faults.extend(role.faults.iter().cloned());
        self.items(role.run_list(self.environment), depth + 1)?;
        let of = format!("role {name}");
        self.attributes.add(Layer::RoleDefault, &of, &role.document, "default_attributes");
        self.attributes.add(Layer::RoleOverride, &of, &role.document, "override_attributes");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Expansion;
    use crate::{
        host::Fake,
        node::{Attributes, Library, override_run_list},
    };

    #[test]
    fn attributes_that_are_null_take_nothing_away() {
        let machine = Fake::debian("12")
            .with_directory("/roles")
            .with_file("/roles/base.json", r#"{"default_attributes": {"a": 1}}"#)
            .with_file("/roles/web.json", r#"{"default_attributes": null, "run_list": ["role[base]"]}"#);
        let library = Library::new(vec!["/roles".into()], Vec::new(), &machine);
        let mut attributes = Attributes::default();
        let items = override_run_list("role[web]", &mut Vec::new());
        let expansion = Expansion::of(&items, "_default", &library, &mut attributes).unwrap();
        assert_eq!((expansion.faults, attributes.tree()), (Vec::new(), &serde_json::json!({"a": 1})));
    }
}
