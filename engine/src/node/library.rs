//! Roles and environments: files of the directories that hold them.
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde_json::Value;

use super::{
    RunListItem,
    constraint::Constraint,
    dna,
    folders::Folders,
    json::{self, Document, Located},
};
use crate::{Fault, Result, error::ENOUGH, host::Probe, suggest, values::Place};

/// A role: a run-list and attributes that many nodes share.
#[derive(Clone, Debug)]
pub struct Role {
    pub(super) run_list: Vec<RunListItem>,
    pub(super) run_lists: BTreeMap<String, Vec<RunListItem>>,
    pub(super) document: Arc<Document>,
    /// What is wrong in it; the rest is taken all the same, so that what is wrong with that can be told too.
    pub(super) faults: Vec<Fault>,
}

/// An environment: attributes, and what is asked of cookbooks' versions.
#[derive(Clone, Debug)]
pub struct Environment {
    pub(super) constraints: Vec<Asked>,
    pub(super) document: Arc<Document>,
    /// As in a role.
    pub(super) faults: Vec<Fault>,
}

/// What an environment asks of a cookbook.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The cookbook.
    pub cookbook: String,
    /// What is asked, as written.
    pub text: String,
    /// What is asked.
    pub constraint: Constraint,
    /// Where.
    pub place: Place,
}

/// The directories of roles and environments, read when a name is met.
pub struct Library<'p> {
    /// Where roles are, the first that has one counts.
    pub roles: Vec<PathBuf>,
    /// Where environments are.
    pub environments: Vec<PathBuf>,
    /// Through which they are read.
    pub probe: &'p dyn Probe,
}

/// Which kind of file.
#[derive(Clone, Copy)]
struct Sort {
    word: &'static str,
    setting: &'static str,
    keys: &'static [&'static str],
}

const ROLE: Sort = Sort {
    word: "role",
    setting: "role_path",
    keys: &[
        "name",
        "description",
        "json_class",
        "chef_type",
        "default_attributes",
        "override_attributes",
        "run_list",
        "env_run_lists",
        "recipes",
    ],
};

const ENVIRONMENT: Sort = Sort {
    word: "environment",
    setting: "environment_path",
    keys: &[
        "name",
        "description",
        "json_class",
        "chef_type",
        "default_attributes",
        "override_attributes",
        "cookbook_versions",
    ],
};

impl Library<'_> {
    /// The role of this name.
    ///
    /// # Errors
    /// That there is none, or that its file is no JSON; or that a directory cannot be read.
    pub fn role(&self, name: &str) -> Result<Role> {
        self.document(ROLE, &self.roles, name).map(Role::new)
    }

    /// The environment of this name.
    ///
    /// # Errors
    /// As [`Library::role`].
    pub fn environment(&self, name: &str) -> Result<Environment> {
        self.document(ENVIRONMENT, &self.environments, name).map(Environment::new)
    }

    fn document(&self, sort: Sort, directories: &[PathBuf], name: &str) -> Result<Arc<Document>> {
        let folders = Folders { probe: self.probe, directories, word: sort.word };
        match folders.document(name)? {
            Some(document) => Ok(Arc::new(document)),
            None => Err(folders.missing(name, sort.setting)?.into()),
        }
    }
}

impl Role {
    fn new(document: Arc<Document>) -> Self {
        let root = document.root();
        let mut faults = Vec::new();
        common(root, ROLE, &mut faults);
        let run_list = match (root.get("run_list"), root.get("recipes")) {
            (Some(list), _) | (None, Some(list)) => dna::items(&list, &mut faults),
            (None, None) => Vec::new(),
        };
        let mut run_lists = BTreeMap::new();
        if let Some(lists) = root.get("env_run_lists").filter(|lists| !lists.value().is_null()) {
            if !lists.value().is_object() {
                let found = json::kind(lists.value());
                faults.push(lists.fault(format!("`env_run_lists` is an object of run-lists, this is {found}")));
            }
            for (environment, list) in lists.entries() {
                run_lists.insert(environment.to_owned(), dna::items(&list, &mut faults));
            }
        }
        Self { run_list, run_lists, document: Arc::clone(&document), faults }
    }

    /// The run-list for an environment: its own where there is one, else that of `_default`, else the general one.
    #[must_use]
    pub fn run_list(&self, environment: &str) -> &[RunListItem] {
        self.run_lists.get(environment).or_else(|| self.run_lists.get("_default")).unwrap_or(&self.run_list)
    }
}

impl Environment {
    fn new(document: Arc<Document>) -> Self {
        let root = document.root();
        let mut faults = Vec::new();
        common(root, ENVIRONMENT, &mut faults);
        let mut constraints = Vec::new();
        if let Some(versions) = root.get("cookbook_versions").filter(|versions| !versions.value().is_null()) {
            if !versions.value().is_object() {
                let found = json::kind(versions.value());
                faults.push(versions.fault(format!("`cookbook_versions` is an object, this is {found}")));
            }
            for (cookbook, asked) in versions.entries() {
                if faults.len() >= ENOUGH {
                    break;
                }
                let text = asked.value().as_str().unwrap_or_default();
                match Constraint::parse(text) {
                    Ok(constraint) => constraints.push(Asked {
                        cookbook: cookbook.to_owned(),
                        text: text.to_owned(),
                        constraint,
                        place: asked.place(),
                    }),
                    Err(sentence) => faults.push(asked.fault(sentence).hint("as in `\"~> 1.2\"`")),
                }
            }
        }
        Self { constraints, document: Arc::clone(&document), faults }
    }
}

/// What roles and environments have in common: they are objects of known keys, and their attributes are objects.
fn common(root: Located<'_>, sort: Sort, faults: &mut Vec<Fault>) {
    if !root.value().is_object() {
        let found = json::kind(root.value());
        faults.push(root.fault(format!("a {} is an object, this is {found}", sort.word)));
        return;
    }
    for (key, value) in root.entries() {
        if sort.keys.contains(&key) {
            continue;
        }
        // Chef reads over what it does not know; what looks like a slip is none of that.
        if let Some(near) = suggest::nearest(key, sort.keys.iter().copied()) {
            let fault = Fault::new(format!("a {} has no `{key}`", sort.word)).hint(format!("did you mean `{near}`?"));
            faults.push(fault.at(value.key_place().unwrap_or_else(|| value.place())));
        }
    }
    for key in ["default_attributes", "override_attributes"] {
        if let Some(tree) = root.get(key).filter(|tree| !matches!(tree.value(), Value::Object(_) | Value::Null)) {
            let found = json::kind(tree.value());
            faults.push(tree.fault(format!("`{key}` is an object of attributes, this is {found}")));
        }
    }
}
