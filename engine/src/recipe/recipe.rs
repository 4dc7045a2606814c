use std::{any::TypeId, cell::RefCell, collections::HashMap, panic::Location};

use serde::de::DeserializeOwned;

use super::{
    AtLevel, AttributePath, Composed, Composite, Cookbook, Declared, IntoComposed, RecipeEntry, RecipeName,
    declared::{AnyAction, Item},
    reference::Ref,
};
use crate::{
    Error, Fault, Result,
    node::{AttributeSet, AttributeWrite, Attributes, Level, Node, View},
    resource::Resource,
    suggest,
    values::{Place, Secret},
};

/// What a recipe function is given: the node, its attributes, and a place to declare resources.
pub struct Recipe<'a> {
    pub(crate) node: &'a Node<'a>,
    pub(crate) compiling: &'a mut Compiling,
    /// `cookbook::recipe` that is being compiled.
    pub(crate) name: String,
    /// The composite whose parts are being declared.
    group: Option<usize>,
}

/// What compiling gathers.
#[derive(Default)]
pub(crate) struct Compiling {
    pub entries: Vec<Entry>,
    /// Last declared resource of each id, of the run itself (`None`) and of each composite: as in Chef, the parts of a
    /// composite are names of its own.
    pub by_id: HashMap<(Option<usize>, String), usize>,
    /// Recipe functions that have run, by type.
    pub(crate) included: Vec<TypeId>,
    /// Names of the recipes in compiled-in cookbooks.
    pub names: HashMap<TypeId, String>,
    /// `cookbook::recipe` in the order in which they were compiled.
    pub recipes: Vec<String>,
    pub faults: Vec<Fault>,
    /// What would have been declared, had it not been faulty: notices to it are not told as faults of their own.
    pub unmade: Vec<Unmade>,
    pub loose: Vec<Loose>,
    /// Attributes under a key that looks like a slip of one that a recipe reads.
    pub slips: RefCell<Vec<Slip>>,
    /// Every cookbook that recipes may be included from.
    pub cookbooks: Vec<Cookbook>,
    /// How many recipes are being compiled inside each other.
    pub(crate) depth: usize,
    /// The node's attributes with what attribute files and recipes have written.
    pub attributes: Attributes,
    /// Attribute files in the order in which they were loaded.
    pub attribute_files: Vec<String>,
}

/// Gives faults that have no place this one.
fn placed(error: Error, place: &Place) -> Error {
    let Error::Faults(faults) = error else { return error };
    let at = |fault: Fault| if fault.place.is_some() { fault } else { fault.at(place.clone()) };
    Error::Faults(faults.into_iter().map(at).collect())
}

/// Recipes may include each other so deep.
const MOST_DEPTH: usize = 128;

impl Compiling {
    /// A recipe by its name; of two cookbooks with one name the first counts.
    pub fn find(&self, wanted: &str) -> Option<RecipeEntry> {
        self.entry(RecipeName::parse(wanted, None)?)
    }

    fn entry(&self, RecipeName { cookbook, recipe }: RecipeName) -> Option<RecipeEntry> {
        let cookbook = self.cookbooks.iter().find(|known| known.name == cookbook)?;
        cookbook.recipes.iter().find(|entry| entry.name == recipe).cloned()
    }
}

/// Attributes that nothing reads, under a key that is nearly one that a recipe reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// The key as it stands there.
    pub given: String,
    /// The key that was probably meant.
    pub meant: &'static str,
}

/// A resource that was not declared because it is faulty, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Unmade {
    pub kind: Option<String>,
    pub name: Option<String>,
}

impl Unmade {
    /// Whether this id may be its own.
    pub fn may_be(&self, id: &str) -> bool {
        let (kind, name) = id.strip_suffix(']').and_then(|id| id.split_once('[')).unwrap_or((id, ""));
        self.kind.as_ref().is_none_or(|known| known == kind) && self.name.as_ref().is_none_or(|known| known == name)
    }
}

/// What notices do, in sentences about them.
pub(crate) const NOTIFIES: &str = "notifies";
/// The same, seen from the other side.
pub(crate) const SUBSCRIBES: &str = "subscribes to";

/// What a notice of a faulty resource names: that it is not there either is a fault of its own.
#[derive(Debug)]
pub(crate) struct Loose {
    /// The resource.
    pub by: String,
    pub verb: &'static str,
    pub to: String,
    pub place: Place,
}

pub(crate) struct Entry {
    pub id: String,
    pub item: Box<dyn Item>,
    pub recipe: String,
    pub place: Place,
    /// The composite it is a part of.
    pub whole: Option<usize>,
    pub acts: Acts,
}

/// What acting means for an entry.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Acts {
    /// It is a resource, brought to its state by a step.
    Itself,
    /// It is a composite: its parts, which follow it, are brought to theirs.
    ByParts { unified: bool },
}

impl Entry {
    pub fn actions(&self) -> Vec<AnyAction> {
        self.item.actions()
    }
}

impl<'a> Recipe<'a> {
    pub(crate) fn new(node: &'a Node<'a>, compiling: &'a mut Compiling) -> Self {
        Self { node, compiling, name: String::new(), group: None }
    }

    /// The node: its facts, name and environment.
    #[must_use]
    pub fn node(&self) -> &Node<'a> {
        self.node
    }

    /// A cookbook's attributes: its defaults, with what attribute files, roles, the environment and `dna.json` say in their
    /// place.
    ///
    /// # Errors
    /// [`Error::Faults`]: keys the cookbook does not have, values of another type, each with its place.
    pub fn attributes<A: AttributeSet>(&self) -> Result<A> {
        let read = self.compiling.attributes.read::<A>(self.node.identities());
        let Some(slip) = self.slip(A::KEY) else { return read.map_err(Error::Faults) };
        match read {
            Ok(set) => {
                let mut slips = self.compiling.slips.borrow_mut();
                if !slips.contains(&slip) {
                    slips.push(slip);
                }
                Ok(set)
            }
            Err(mut faults) => {
                if let Some(fault) = faults.pop() {
                    faults.push(fault.hint(format!("there is `{}`: did you mean `{}`?", slip.given, slip.meant)));
                }
                Err(Error::Faults(faults))
            }
        }
    }

    /// Attributes that were probably meant as those of this key, of which there are none.
    fn slip(&self, key: &'static str) -> Option<Slip> {
        let given = self.compiling.attributes.tree().as_object()?;
        if given.contains_key(key) || key.contains('.') {
            return None;
        }
        // `tags` are always there, whether anybody wrote them or not.
        let near = suggest::nearest(key, given.keys().map(String::as_str).filter(|given| *given != "tags"))?;
        Some(Slip { given: near.to_owned(), meant: key })
    }

    /// Chef's `data_bag_item`: an item of a data bag as a type of the recipe's own, decrypted when it is encrypted. What must
    /// not be seen is a field of type [`Secret`]; what is encrypted with age can be read as nothing else.
    ///
    /// ```
    /// use brasa::{compile_function, host::Fake, prelude::*, spec};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Database {
    ///     user: String,
    ///     password: Secret,
    /// }
    ///
    /// fn database(r: &mut Recipe) -> Result<()> {
    ///     let database: Database = r.data_bag_item("passwords", "database")?;
    ///     r.add(File::at(format!("/etc/{}.key", database.user)).content(database.password).mode(0o600));
    ///     Ok(())
    /// }
    ///
    /// let machine = Fake::debian("12");
    /// let item = serde_json::json!({"user": "app", "password": "hidden"});
    /// let node = spec::node(&machine, serde_json::json!({})).with_data_bag_item("passwords", "database", &item)?;
    /// assert_eq!(compile_function(&node, "database", database)?.outline(), "file[/etc/app.key] create\n");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Faults`]: that there is no such bag or item, that it cannot be decrypted, and everything in it that is not as
    /// the type has it, each with its place.
    #[track_caller]
    pub fn data_bag_item<T: DeserializeOwned>(&self, bag: &str, item: &str) -> Result<T> {
        let place = Place::from(Location::caller());
        let found = self.node.data_bags().item(bag, item);
        let read = found.and_then(|item| item.read(self.node.identities()).map_err(Error::Faults));
        read.map_err(|error| placed(error, &place))
    }

    /// Chef's `data_bag`: the names of a data bag's items, sorted.
    ///
    /// # Errors
    /// [`Error::Faults`]: that there is no such bag.
    #[track_caller]
    pub fn data_bag(&self, bag: &str) -> Result<Vec<String>> {
        let place = Place::from(Location::caller());
        self.node.data_bags().items(bag).map_err(|error| placed(error, &place))
    }

    /// The text of an attribute as a secret, decrypted when it is encrypted with age.
    ///
    /// # Errors
    /// [`Error::Faults`]: that there is no such attribute, that it is no text, that it cannot be decrypted; each with its place.
    #[track_caller]
    pub fn secret(&self, path: impl AttributePath) -> Result<Secret> {
        let place = Place::from(Location::caller());
        let secret = self.compiling.attributes.secret(&path.keys(), self.node.identities());
        secret.map_err(|faults| placed(Error::Faults(faults), &place))
    }

    /// Declares a resource; resources are converged in the order of their declaration.
    #[track_caller]
    pub fn add<R: Resource>(&mut self, declared: impl Into<Declared<R>>) -> Ref<R> {
        Ref::new(self.declare(Box::new(declared.into()), Place::from(Location::caller())))
    }

    /// Declares a resource of whatever kind; returns its number.
    pub(crate) fn declare(&mut self, item: Box<dyn Item>, place: Place) -> usize {
        self.declare_as(item, place, Acts::Itself)
    }

    fn declare_as(&mut self, item: Box<dyn Item>, place: Place, acts: Acts) -> usize {
        let id = item.id();
        for fault in item.check() {
            let fault = Fault { message: format!("{id}: {}", fault.message), ..fault };
            let place = fault.place.clone().unwrap_or_else(|| place.clone());
            self.compiling.faults.push(fault.at(place));
        }
        let index = self.compiling.entries.len();
        let last = self.compiling.by_id.insert((self.group, id.clone()), index);
        if let Some(first) = last.map(|first| &self.compiling.entries[first])
            && first.recipe == self.name
        {
            let fault = Fault::new(format!("`{id}` is already declared at {}", first.place))
                .at(place.clone())
                .hint("give one of them another name, or put their properties together");
            self.compiling.faults.push(fault);
        }
        let (recipe, whole) = (self.name.clone(), self.group);
        self.compiling.entries.push(Entry { id, item, recipe, place, whole, acts });
        index
    }

    /// Declares a custom resource with all its parts. It changes when any of its parts does, and tells its notices once, after
    /// the last part; delayed notices between parts are delivered then too. [`Composed::of`] gives it guards, notices and
    /// whatever else a declaration can have.
    ///
    /// # Errors
    /// What declaring the parts returned.
    #[track_caller]
    pub fn compose<C: Composite>(&mut self, composite: impl IntoComposed<C>) -> Result<Ref<Composed<C>>> {
        let mut declared = composite.into_composed();
        let composite = declared.resource.take_up();
        let acts = Acts::ByParts { unified: C::UNIFIED };
        let whole = self.declare_as(Box::new(declared), Location::caller().into(), acts);
        let outer = self.group.replace(whole);
        let done = composite.declare(self);
        self.group = outer;
        done.map(|()| Ref::new(whole))
    }

    /// Chef's `include_recipe`, by function: each recipe is compiled once, where it is first included.
    ///
    /// # Errors
    /// What the recipe returned.
    pub fn include<F: Fn(&mut Recipe) -> Result<()> + 'static>(&mut self, recipe: F) -> Result<()> {
        let function = TypeId::of::<F>();
        if self.compiling.included.contains(&function) {
            return Ok(());
        }
        self.compiling.included.push(function);
        let name = self.compiling.names.get(&function).cloned();
        let name = name.unwrap_or_else(|| std::any::type_name::<F>().to_owned());
        self.named(name, recipe)
    }

    /// Chef's `include_recipe`, by name: `COOKBOOK::RECIPE`, `COOKBOOK` for its `default`, or `::RECIPE` of the cookbook whose
    /// recipe this is. For recipes that only a run knows; what is known when a cookbook is built is better included by its
    /// function.
    ///
    /// # Errors
    /// That there is none of this name; what the recipe returned.
    pub fn include_recipe(&mut self, name: &str) -> Result<()> {
        let current = self.name.split_once("::").map(|(cookbook, _)| cookbook.to_owned());
        let Some(named) = RecipeName::parse(name, current.as_deref()) else {
            return Err(Fault::new(format!("`{name}` is included by a recipe of no cookbook")).into());
        };
        if let Some(recipe) = self.compiling.entry(named) {
            return (recipe.run)(self);
        }
        let RecipeName { cookbook, recipe } = named;
        let cookbooks = &self.compiling.cookbooks;
        let find = |name: &str| cookbooks.iter().find(|known| known.name == name);
        if let Some(fault) = find(cookbook).and_then(|known| known.lacks(recipe, cookbooks)) {
            return Err(fault.into());
        }
        let fault = Fault::new(format!("no cookbook `{cookbook}` is on `cookbook_path` or compiled in"));
        let own = current.as_deref().and_then(find);
        if own.is_some_and(|own| own.recipe_names().any(|recipe| recipe == name)) {
            return Err(fault.hint(format!("did you mean `::{name}`?")).into());
        }
        let runnable: Vec<_> = cookbooks.iter().filter(|known| known.ruby.is_none()).map(Cookbook::name).collect();
        Err(fault.hint(suggest::hint(cookbook, runnable)).into())
    }

    /// Compiles a recipe that is included by its name, once.
    pub(crate) fn enter(&mut self, name: &str, recipe: &dyn Fn(&mut Recipe) -> Result<()>) -> Result<()> {
        if self.compiling.recipes.iter().any(|known| known == name) {
            return Ok(());
        }
        self.named(name.to_owned(), recipe)
    }

    fn named(&mut self, name: String, recipe: impl Fn(&mut Recipe) -> Result<()>) -> Result<()> {
        if self.compiling.depth == MOST_DEPTH {
            let fault = Fault::new(format!("recipes include each other more than {MOST_DEPTH} deep at `{name}`"));
            return Err(fault.hint("name some of them in the run-list instead").into());
        }
        self.compiling.recipes.push(name.clone());
        let outer = std::mem::replace(&mut self.name, name);
        self.compiling.depth += 1;
        let done = recipe(self);
        self.compiling.depth -= 1;
        self.name = outer;
        done
    }

    /// The merged attributes as they are now.
    pub(crate) fn view(&self) -> View {
        self.compiling.attributes.view()
    }

    /// Writes attributes while recipes are compiled: those compiled later see them.
    pub fn level(&mut self, level: Level) -> AtLevel<'_> {
        let Compiling { attributes, faults, .. } = &mut *self.compiling;
        AtLevel::new(attributes, faults, level)
    }

    /// The merged value of an attribute as it is now.
    #[must_use]
    pub fn attribute(&self, path: impl AttributePath) -> Option<serde_json::Value> {
        self.compiling.attributes.at(&path.keys())
    }

    /// Carries out a write that has its place already. What is wrong with it is gathered.
    pub fn write_attribute(&mut self, write: AttributeWrite) {
        if let Err(fault) = self.compiling.attributes.write(write) {
            self.compiling.faults.push(fault);
        }
    }

    /// Records a fault of the input that only this recipe can see, and goes on compiling. Nothing will be changed.
    pub fn fault(&mut self, fault: Fault) {
        self.compiling.faults.push(fault);
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use crate::{compile, facts::Facts, host::Fake, node::Attributes, prelude::*};

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Role {
        port: u16,
    }

    impl AttributeSet for Role {
        const KEY: &'static str = "role";
    }

    fn read(r: &mut Recipe) -> Result<()> {
        r.attributes::<Role>().map(drop)
    }

    #[test]
    fn what_stands_there_by_itself_is_no_slip_of_something_else() {
        let machine = Fake::debian("12");
        let slips = |attributes| {
            let node = Node::new("test", None, attributes, Facts::new(&machine));
            let cookbook = Cookbook::new("web", "1.0.0").recipe("default", read);
            let run = compile(&node, &[cookbook], &["web::default".to_owned()]).unwrap();
            run.slips().iter().map(|slip| slip.given.clone()).collect::<Vec<_>>()
        };
        assert_eq!(slips(Attributes::from(json!({"roel": {"port": 1}}))), ["roel"]);
        let mut attributes = Attributes::default().with_tags();
        attributes.set_automatic(json!({"roles": []}));
        assert_eq!(slips(attributes), [""; 0]);
    }
}
