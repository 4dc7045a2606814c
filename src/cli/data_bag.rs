//! `brasa data-bag`: items of data bags are shown, edited and encrypted.
use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::Arc,
};

use brasa::{
    Error, Fault,
    host::{
        Real,
        disk::{self, Scratch, Staged},
        editor, environment,
    },
    node::{
        DataBags, Item, age,
        data_bags::{ItemSecret, PLAIN_KEYS, encrypted},
        json::{self, Document, Limits},
    },
};
use serde_json::{Map, Value, json};

use super::{
    Code, Failure, Output,
    arguments::{Bags, DataBag, Format, Input},
    complain, logging, print, print_json, question,
    session::Session,
};

/// The editor of those who have set none: POSIX has it everywhere.
const EDITOR: &str = "vi";

/// Does what was asked of data bags.
pub fn data_bag(command: &DataBag, output: &Output) -> Result<Code, Failure> {
    logging::start(output.log_level, output.log_file.as_deref())?;
    match command {
        DataBag::Encrypt { age: Some(recipient), .. } => seal(recipient),
        DataBag::Encrypt { bag: Some(bag), item: Some(item), from, of, .. } => {
            Desk::with(of, |desk| desk.encrypt(bag, item, from.as_deref(), output))
        }
        DataBag::Encrypt { .. } => Err(Failure::usage("`encrypt` takes a bag and an item, or --age RECIPIENT")),
        DataBag::Show { bag: Some(bag), item: Some(item), of } => Desk::with(of, |desk| desk.show(bag, item, output)),
        DataBag::Show { bag: Some(bag), item: None, of } => Desk::with(of, |desk| desk.items(bag, output)),
        DataBag::Show { bag: None, of, .. } => Desk::with(of, |desk| desk.bags(output)),
        DataBag::Edit { bag, item, of } => Desk::with(of, |desk| desk.edit(bag, item, output)),
        DataBag::Rekey { bag, item, new_secret_file, of } => {
            Desk::with(of, |desk| desk.rekey(bag, item.as_deref(), new_secret_file.as_deref(), output))
        }
    }
}

/// Prints standard input encrypted with age.
fn seal(recipient: &str) -> Result<Code, Failure> {
    let bytes = disk::read_standard_input(Limits::default().bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::input("what is to be encrypted is not UTF-8"))?;
    // `echo` and the return key end a line that is none of the secret's; text of several lines is a file, and stays as it is.
    let one_line = text.strip_suffix("\r\n").or(text.strip_suffix('\n')).filter(|line| !line.contains('\n'));
    let sealed = age::seal(one_line.unwrap_or(&text), recipient).map_err(Error::from)?;
    print(&format!("{sealed}\n"))?;
    Ok(Code::Success)
}

/// The data bags that the settings name, and what is needed to change them.
struct Desk<'m> {
    bags: DataBags<'m>,
    state: PathBuf,
}

impl Desk<'_> {
    fn with(of: &Bags, work: impl FnOnce(&Desk<'_>) -> Result<Code, Failure>) -> Result<Code, Failure> {
        let session = Session::open(&Input { config: of.config.clone(), ..Input::default() })?;
        let real = Real::new(session.places.host_settings(), |_| {});
        let bags = session.data_bags(&real, of.secret_file.as_deref())?;
        work(&Desk { bags, state: session.places.state.clone() })
    }

    fn bags(&self, output: &Output) -> Result<Code, Failure> {
        let names = self.bags.bags()?;
        match output.format {
            Format::Human => print(&names.iter().map(|name| format!("{name}\n")).collect::<String>())?,
            Format::Json | Format::Ndjson => {
                print_json(&json!({"schema_version": crate::report::SCHEMA_VERSION, "bags": names}), output.format)?;
            }
        }
        Ok(Code::Success)
    }

    fn items(&self, bag: &str, output: &Output) -> Result<Code, Failure> {
        let names = self.bags.items(bag)?;
        match output.format {
            Format::Human => print(&names.iter().map(|name| format!("{name}\n")).collect::<String>())?,
            Format::Json | Format::Ndjson => {
                print_json(
                    &json!({"schema_version": crate::report::SCHEMA_VERSION, "bag": bag, "items": names}),
                    output.format,
                )?;
            }
        }
        Ok(Code::Success)
    }

    fn show(&self, bag: &str, name: &str, output: &Output) -> Result<Code, Failure> {
        let item = self.bags.item(bag, name)?;
        match output.format {
            Format::Human => print_json(item.value(), output.format)?,
            Format::Json | Format::Ndjson => print_json(
                &json!({
                    "schema_version": crate::report::SCHEMA_VERSION,
                    "bag": bag,
                    "item": name,
                    "encrypted": item.is_encrypted(),
                    "value": item.value(),
                }),
                output.format,
            )?,
        }
        Ok(Code::Success)
    }

    fn encrypt(&self, bag: &str, name: &str, from: Option<&Path>, output: &Output) -> Result<Code, Failure> {
        let document = match from {
            Some(path) if path == Path::new("-") => {
                let bytes = disk::read_standard_input(Limits::default().bytes)?;
                Document::parse(Path::new("standard input"), bytes).map_err(shy)?
            }
            Some(path) => match disk::read_limited(path, Limits::default().bytes)? {
                Some(bytes) => Document::parse(path, bytes).map_err(shy)?,
                None => return Err(Failure::input(format!("`{}` does not exist", path.display()))),
            },
            None => {
                let document = self.existing(bag, name)?.ok_or_else(|| {
                    Failure::input(format!("data bag `{bag}` has no item `{name}` to encrypt"))
                        .hint("name a file with its plain text: `--from FILE`, or `--from -` for standard input")
                })?;
                let plain = document.root().entries().any(|(key, at)| is_plain(key, at.value()));
                if !plain {
                    self.told(output, &format!("item `{name}` of data bag `{bag}` is encrypted already"));
                    return Ok(Code::Success);
                }
                return self.seal_in_place(bag, name, &document, output);
            }
        };
        let document = checked(document, name)?;
        self.save(bag, name, &self.sealed(document.value(), None)?, output)
    }

    /// Encrypts what is plain in an item's own file; what is encrypted must be so with the same secret.
    fn seal_in_place(&self, bag: &str, name: &str, document: &Document, output: &Output) -> Result<Code, Failure> {
        let (secret, mut faults) = (self.bags.secret().map_err(Error::from)?, Vec::new());
        let mut plain = document.value().clone();
        for (key, at) in document.root().entries().filter(|(_, at)| encrypted::is_encrypted(at.value())) {
            match encrypted::open(key, at, &secret, 0) {
                Ok(value) => plain[key] = value,
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(Error::Faults(faults).into());
        }
        self.save(bag, name, &self.sealed(&plain, Some((document.value(), &plain)))?, output)
    }

    fn edit(&self, bag: &str, name: &str, output: &Output) -> Result<Code, Failure> {
        let existing = self.existing(bag, name)?;
        let sealed = existing
            .as_ref()
            .is_none_or(|document| document.root().entries().any(|(_, at)| encrypted::is_encrypted(at.value())));
        let (before, text) = match &existing {
            // Asked for before the user has typed anything.
            None => {
                self.bags.secret().map_err(Error::from)?;
                (None, pretty(&json!({ "id": name })))
            }
            Some(_) if sealed => {
                let item = self.bags.item(bag, name)?;
                let text = pretty(item.value());
                (Some(item.value().clone()), text)
            }
            Some(document) => {
                let bytes = disk::read_limited(document.path(), Limits::default().bytes)?.unwrap_or_default();
                (Some(document.value().clone()), String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        let scratch = Scratch::make(&self.private_places(), &format!("{name}.json"), text.as_bytes())?;
        let command =
            ["VISUAL", "EDITOR"].iter().find_map(|name| environment::var(name).filter(|word| !word.trim().is_empty()));
        let command = command.unwrap_or_else(|| EDITOR.to_owned());
        loop {
            editor::edit(&command, scratch.path()).map_err(|error| {
                let mut failure = Failure::from(error).hint("nothing was saved; the decrypted text is removed");
                failure.code = Code::Failed;
                failure
            })?;
            let edited = disk::read_limited(scratch.path(), Limits::default().bytes)?.unwrap_or_default();
            if edited == text.as_bytes() && existing.is_some() {
                self.told(output, "nothing was changed");
                return Ok(Code::Success);
            }
            let saved = self.save_edited(bag, name, edited, sealed, existing.as_deref().zip(before.as_ref()), output);
            match saved {
                Ok(code) => return Ok(code),
                Err(failure) if again(&failure)? => {}
                Err(failure) => return Err(failure.hint("nothing was saved; the edited text is removed")),
            }
        }
    }

    fn save_edited(
        &self,
        bag: &str,
        name: &str,
        edited: Vec<u8>,
        sealed: bool,
        before: Option<(&Document, &Value)>,
        output: &Output,
    ) -> Result<Code, Failure> {
        let document =
            Document::parse(format!("{name}.json (edited)").as_ref() as &Path, edited.clone()).map_err(shy)?;
        // An item found by its id keeps that, whatever its file is called.
        let id = before.and_then(|(document, _)| document.value().get("id")).and_then(Value::as_str).unwrap_or(name);
        let document = checked(document, id)?;
        if sealed {
            let before = before.map(|(document, plain)| (document.value(), plain));
            return self.save(bag, name, &self.sealed(document.value(), before)?, output);
        }
        let path = self.path(bag, name)?;
        Staged::write(&path, &edited)?.commit()?;
        self.told(output, &format!("saved `{}` as plain text, as it was", path.display()));
        Ok(Code::Success)
    }

    fn rekey(&self, bag: &str, item: Option<&str>, new: Option<&Path>, output: &Output) -> Result<Code, Failure> {
        let old = self.bags.secret().map_err(Error::from)?;
        let new = match new {
            None => old.clone(),
            Some(path) => {
                let Some(bytes) = disk::read_limited(path, 1 << 20)? else {
                    return Err(Failure::input(format!("`{}` does not exist", path.display()))
                        .hint("make a secret: `openssl rand -base64 512 > FILE`"));
                };
                ItemSecret::of_file(&bytes).ok_or_else(|| Failure::input(format!("`{}` is empty", path.display())))?
            }
        };
        let names = item.map_or_else(|| self.bags.items(bag), |item| Ok(vec![item.to_owned()]))?;
        let (mut faults, mut anew, mut plain, mut done) = (Vec::new(), Vec::new(), 0, 0);
        for name in &names {
            let document = match self.bags.document(bag, name) {
                Ok(document) => document,
                Err(Error::Faults(more)) => {
                    faults.extend(more);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let open = |secret: &ItemSecret| Item::open(Arc::clone(&document), &|| Ok(secret.clone()), 0);
            match open(&old) {
                Ok(item) if item.is_encrypted() => {
                    anew.push((document.path().to_owned(), seal_all(item.value(), &new)?))
                }
                Ok(_) => plain += 1,
                // One that an earlier try has got to already.
                Err(_) if open(&new).is_ok() => done += 1,
                Err(more) => faults.extend(more),
            }
        }
        if !faults.is_empty() {
            let mut failure = Failure::from(Error::Faults(faults));
            failure.message += "\nno item was changed";
            return Err(failure);
        }
        let mut staged = Vec::new();
        for (path, value) in &anew {
            staged.push(Staged::write(path, pretty(value).as_bytes())?);
        }
        let paths: Vec<PathBuf> = staged.iter().map(|staged| staged.path().to_owned()).collect();
        for (index, staged) in staged.into_iter().enumerate() {
            staged.commit().map_err(|error| {
                let list = |paths: &[PathBuf]| {
                    let shown: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
                    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
                };
                let mut failure = Failure::from(error);
                failure.message += &format!("\nencrypted anew: {}", list(&paths[..index]));
                failure.message += &format!("\nas they were: {}", list(&paths[index..]));
                failure.hint("give the same command again: what is done already is passed over")
            })?;
        }
        let mut sentence = format!("encrypted {} of data bag `{bag}` anew", items(anew.len()));
        if done > 0 {
            sentence += &format!("; {} had the new secret already", items(done));
        }
        if plain > 0 {
            sentence += &format!("; {} are plain text and stay so", items(plain));
        }
        self.told(output, &sentence);
        Ok(Code::Success)
    }

    /// The file of an item, when there is one.
    fn existing(&self, bag: &str, name: &str) -> Result<Option<Arc<Document>>, Failure> {
        if !self.bags.bags()?.iter().any(|known| known == bag) {
            return Ok(None);
        }
        match self.bags.document(bag, name) {
            Ok(document) => Ok(Some(document)),
            Err(Error::Faults(faults)) if faults.iter().all(|fault| fault.place.is_none()) => {
                let names = self.bags.items(bag)?;
                if names.iter().any(|known| known == name) { Err(Error::Faults(faults).into()) } else { Ok(None) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Where an item is, or where a new one belongs.
    fn path(&self, bag: &str, name: &str) -> Result<PathBuf, Failure> {
        if let Some(document) = self.existing(bag, name)? {
            return Ok(document.path().to_owned());
        }
        let allowed = |name: &str| {
            !name.is_empty()
                && !name.starts_with('.')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
        };
        for (what, name) in [("data bag", bag), ("item", name)] {
            if !allowed(name) {
                let message = format!("`{}` cannot be the name of a new {what}", name.escape_debug());
                return Err(Failure::input(message).hint("a name is made of letters, digits, `.`, `-` and `_`"));
            }
        }
        self.bags.path_of_new(bag, name).ok_or_else(|| {
            Failure::input("the settings do not say where data bags are")
                .hint("write `data_bag_path \"/var/chef-solo/data_bags\"` into them, and name them with -c")
        })
    }

    /// An item encrypted. Values that are what they were before keep their old text, so that a change shows in version control
    /// as what it is.
    fn sealed(&self, plain: &Value, before: Option<(&Value, &Value)>) -> Result<Value, Failure> {
        let secret = self.bags.secret().map_err(Error::from)?;
        let mut sealed = seal_all(plain, &secret)?;
        if let (Some((old, old_plain)), Some(entries)) = (before, sealed.as_object_mut()) {
            for (key, value) in entries {
                let old = old.get(key).filter(|old| encrypted::is_encrypted(old) && old["version"] == 3);
                if let Some(old) = old.filter(|_| old_plain.get(key) == plain.get(key)) {
                    *value = old.clone();
                }
            }
        }
        Ok(sealed)
    }

    fn save(&self, bag: &str, name: &str, sealed: &Value, output: &Output) -> Result<Code, Failure> {
        let path = self.path(bag, name)?;
        if let Some(directory) = path.parent() {
            disk::create_dirs(directory)?;
        }
        Staged::write(&path, pretty(sealed).as_bytes())?.commit()?;
        self.told(output, &format!("wrote `{}`, encrypted", path.display()));
        Ok(Code::Success)
    }

    /// Where decrypted text may be for as long as it is edited: in memory, as long as there is such a place.
    fn private_places(&self) -> Vec<PathBuf> {
        let user = environment::effective_user();
        let runtime = environment::var("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let usual = if user == 0 { PathBuf::from("/run/brasa") } else { PathBuf::from(format!("/run/user/{user}")) };
        let mut places: Vec<PathBuf> = runtime.into_iter().filter(|path| disk::is_directory(path)).collect();
        places.extend((user == 0 || disk::is_directory(&usual)).then_some(usual));
        places.push(self.state.join("edit"));
        places
    }

    fn told(&self, output: &Output, sentence: &str) {
        if !output.quiet {
            complain(sentence);
        }
    }
}

/// Every value but the plain keys and what is encrypted with age.
fn seal_all(plain: &Value, secret: &ItemSecret) -> Result<Value, Error> {
    let none = Map::new();
    encrypted::seal_item(plain.as_object().unwrap_or(&none), secret, environment::random)
}

fn is_plain(key: &str, value: &Value) -> bool {
    !PLAIN_KEYS.contains(&key) && !encrypted::is_encrypted(value) && !age::is_sealed(value)
}

/// An item in plain text, with its `id`.
fn checked(document: Document, id: &str) -> Result<Document, Failure> {
    let mut faults = Vec::new();
    let root = document.root();
    if !root.value().is_object() {
        let found = json::kind(root.value());
        return Err(Error::from(root.fault(format!("an item of a data bag is an object, this is {found}"))).into());
    }
    match root.get("id") {
        None => faults.push(root.fault("the item has no `id`").hint(format!("write `\"id\": \"{id}\"` into it"))),
        Some(at) if at.value() != id => {
            let fault = at.fault(format!("the `id` is another than `{id}`"));
            faults.push(fault.hint(format!("write `\"id\": \"{id}\"`; an item of another name is made by itself")));
        }
        Some(_) => {}
    }
    for (key, at) in root.entries().filter(|(_, at)| encrypted::is_encrypted(at.value())) {
        let fault = at.fault(format!("`{key}` looks encrypted: it has a key `encrypted_data`"));
        faults.push(fault.hint("give the item in plain text"));
    }
    if faults.is_empty() { Ok(document) } else { Err(Error::Faults(faults).into()) }
}

/// Faults of text that is secret, without the lines that they would show.
fn shy(faults: Vec<Fault>) -> Failure {
    Error::Faults(faults.into_iter().map(|fault| Fault { excerpt: None, ..fault }).collect()).into()
}

/// Asks the user, where one is there, whether to go on editing.
fn again(failure: &Failure) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    complain(&format!("error: {}", crate::report::printable(&failure.message)));
    let answer = question::ask("edit it again? (n gives up what was edited)", true);
    Ok(answer.map_err(|error| Failure::failed(error.to_string()))?.unwrap_or(false))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn items(count: usize) -> String {
    if count == 1 { "1 item".to_owned() } else { format!("{count} items") }
}
