//! Roles and environments: files of the directories that hold them.
use std::{cell::RefCell, collections::BTreeMap, path::PathBuf, sync::Arc};

use serde_json::Value;

use super::{
    RunListItem,
    constraint::Constraint,
    dna,
    folders::{self, Folders, article, check_name},
    json::{self, Document, Located},
    tree::Tree,
};
use crate::{Error, Fault, Result, error::ENOUGH, host::Probe, suggest, values::Place};

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
    roles: Vec<PathBuf>,
    environments: Vec<PathBuf>,
    probe: &'p dyn Probe,
    /// What is in the directories of roles that were needed so far, in order.
    trees: RefCell<Vec<Tree>>,
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

impl<'p> Library<'p> {
    /// Roles, which are in these directories at any depth, and environments, which are not below theirs. The first directory
    /// that has one counts.
    #[must_use]
    pub fn new(roles: Vec<PathBuf>, environments: Vec<PathBuf>, probe: &'p dyn Probe) -> Self {
        Self { roles, environments, probe, trees: RefCell::default() }
    }

    /// The role of this name.
    ///
    /// # Errors
    /// That there is none or more than one, or that its file is no JSON; or that a directory cannot be read.
    pub fn role(&self, name: &str) -> Result<Role> {
        check_name(ROLE.word, name)?;
        let mut trees = self.trees.borrow_mut();
        for (index, directory) in self.roles.iter().enumerate() {
            if index == trees.len() {
                trees.push(Tree::walk(self.probe, directory)?);
            }
            let Some(files) = trees[index].get(name) else { continue };
            if let [_, _, ..] = &*files.json {
                let mut paths: Vec<_> = files.json.iter().map(|path| format!("`{}`", path.display())).collect();
                paths.sort_unstable();
                let fault = Fault::new(format!("role `{name}` is there more than once: {}", paths.join(", ")));
                return Err(fault
                    .hint("keep the one that is meant: a role has the name of its file, in whichever directory that is")
                    .into());
            }
            if let Some(path) = files.json.first() {
                let Some(bytes) = folders::read(self.probe, path)? else {
                    let fault = Fault::new(format!("`{}` of role `{name}` is no file", path.display()));
                    return Err(fault.hint("a link must lead to a file").into());
                };
                let document = Document::parse(path.as_path(), bytes).map_err(Error::Faults)?;
                return Ok(Role::new(Arc::new(document)));
            }
            if let Some(path) = files.ruby.first() {
                return Err(folders::in_ruby(ROLE.word, name, path).into());
            }
        }
        let names = trees.iter().flat_map(Tree::names).map(str::to_owned).collect();
        Err(folders::missing(ROLE.word, name, &folders::sorted(names), &self.roles, ROLE.setting).into())
    }

    /// The environment of this name.
    ///
    /// # Errors
    /// As [`Library::role`].
    pub fn environment(&self, name: &str) -> Result<Environment> {
        let folders = Folders { probe: self.probe, directories: &self.environments, word: ENVIRONMENT.word };
        match folders.document(name)? {
            Some(document) => Ok(Environment::new(Arc::new(document))),
            None => Err(folders.missing(name, ENVIRONMENT.setting)?.into()),
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
                let Some(text) = asked.value().as_str() else {
                    let found = json::kind(asked.value());
                    let fault = asked.fault(format!("what is asked of `{cookbook}` is text, this is {found}"));
                    faults.push(fault.hint("as in `\"~> 1.2\"`"));
                    continue;
                };
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
        faults.push(root.fault(format!("{} {} is an object, this is {found}", article(sort.word), sort.word)));
        return;
    }
    for (key, value) in root.entries() {
        if sort.keys.contains(&key) {
            continue;
        }
        // Chef reads over what it does not know; what looks like a slip is none of that.
        if let Some(near) = suggest::nearest(key, sort.keys.iter().copied()) {
            let fault = Fault::new(format!("{} {} has no `{key}`", article(sort.word), sort.word));
            let fault = fault.hint(format!("did you mean `{near}`?"));
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

#[cfg(test)]
mod tests {
    use super::Library;
    use crate::host::Fake;

    fn machine() -> Fake {
        let machine = ["/one", "/one/a", "/one/a/b", "/one/.git", "/two", "/two/a", "/elsewhere"]
            .into_iter()
            .fold(Fake::debian("12"), Fake::with_directory);
        [
            "/one/flat.json",
            "/one/README",
            "/one/a/deep.json",
            "/one/a/b/deeper.json",
            "/one/a/b/ruby.rb",
            "/one/twice.json",
            "/one/a/twice.json",
            "/one/.git/hidden.json",
            "/two/flat.json",
            "/two/a/ruby.json",
            "/two/a/other.json",
            "/elsewhere/linked.json",
        ]
        .into_iter()
        .fold(machine, |machine, path| machine.with_file(path, "{}"))
        .with_link("/one/loop", "/one")
        .with_link("/one/behind", "/elsewhere")
        .with_link("/one/a/link.json", "/elsewhere/linked.json")
        .with_link("/one/a/broken.json", "/nowhere")
    }

    fn found(library: &Library<'_>, name: &str) -> String {
        match library.role(name) {
            Ok(role) => role.document.root().place().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn roles_are_found_at_any_depth() {
        let machine = machine();
        let library = Library::new(vec!["/one".into(), "/two".into(), "/none".into()], vec!["/one".into()], &machine);
        for (name, place) in [
            ("flat", "/one/flat.json:1:1"),
            ("deep", "/one/a/deep.json:1:1"),
            ("deeper", "/one/a/b/deeper.json:1:1"),
            ("other", "/two/a/other.json:1:1"),
            ("link", "/one/a/link.json:1:1"),
        ] {
            assert_eq!(found(&library, name), place);
        }
        let said: Vec<_> = ["twice", "ruby", "hidden", "linked", "broken", "depeer", "nothing-like-it", "a/deep"]
            .iter()
            .map(|name| found(&library, name))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        role `twice` is there more than once: `/one/a/twice.json`, `/one/twice.json`
        hint: keep the one that is meant: a role has the name of its file, in whichever directory that is
        `/one/a/b/ruby.rb` is written in Ruby, which brasa does not run
        hint: write role `ruby` as JSON in `/one/a/b/ruby.json`
        there is no role `hidden`
        hint: there are `broken`, `deep`, `deeper`, `flat`, `link`, `other`, `ruby`, `twice`
        hint: looked for `hidden.json` in `/one`, `/two`, `/none`
        there is no role `linked`
        hint: there are `broken`, `deep`, `deeper`, `flat`, `link`, `other`, `ruby`, `twice`
        hint: looked for `linked.json` in `/one`, `/two`, `/none`
        `/one/a/broken.json` of role `broken` is no file
        hint: a link must lead to a file
        there is no role `depeer`
        hint: did you mean `deeper`?
        hint: looked for `depeer.json` in `/one`, `/two`, `/none`
        there is no role `nothing-like-it`
        hint: there are `broken`, `deep`, `deeper`, `flat`, `link`, `other`, `ruby`, `twice`
        hint: looked for `nothing-like-it.json` in `/one`, `/two`, `/none`
        `a/deep` is no name of a role
        hint: a name is one of a file, without directories
        ");
        let environment = library.environment("deep").unwrap_err().to_string();
        assert!(environment.starts_with("there is no environment `deep`\n"), "{environment}");
    }

    #[test]
    fn a_directory_of_roles_that_cannot_be_read_is_an_error() {
        let machine = Fake::debian("12").with_directory("/one").with_directory("/one/a").with_unreadable("/one/a");
        let error = Library::new(vec!["/one".into()], Vec::new(), &machine).role("x").unwrap_err();
        assert!(!matches!(error, crate::Error::Faults(_)), "{error}");
    }
}
