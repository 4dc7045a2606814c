//! A name and what it is to have: asked first, then changed in one step.
use std::{path::PathBuf, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{
    client::{Client, Trouble},
    key::{Algorithm, Key},
    message::{RecordSet, RecordType},
    name::Name,
    ttls::Ttls,
    wire::Server,
};
use crate::{Error, Result};

/// Who keeps a zone, and the key by which it takes updates. The key itself stays in its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// The zone's primary name server: a name or an address, with `:PORT` when that is not 53.
    pub server: String,
    /// The zone; the server is asked when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Name>,
    /// The file with the key, in any form of [`Key::read`]. Without one nothing is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The key's name, where the file does not say it or has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<Name>,
    /// What the key signs with, where the file does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
}

/// What was found, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the name had, in the order of the sets that were wanted.
    pub before: Vec<RecordSet>,
    /// What differed and so was changed (or would be, when nothing was to be sent).
    pub changed: Vec<RecordSet>,
    /// What the name has now of these.
    pub after: Vec<RecordSet>,
    /// Seconds by which the server's clock is ahead, where that was so much that it had to be asked.
    pub clock_ahead: i64,
    /// Messages sent.
    pub sent: usize,
}

impl Authority {
    /// Reads the key's file, where there is one.
    ///
    /// # Errors
    /// As [`Key::read`].
    pub fn key(&self) -> Result<Option<Key>> {
        let read = |path: &PathBuf| Key::read(path, self.key_name.as_ref(), self.algorithm);
        self.key_file.as_ref().map(read).transpose()
    }

    /// What a name has now; `ttls` is what is remembered of times that the server forces.
    ///
    /// # Errors
    /// As [`Client::sets`].
    pub fn sets(&self, name: &Name, kinds: &[RecordType], ttls: &Ttls) -> Result<Vec<RecordSet>, Trouble> {
        let key = self.key()?;
        let client = Client::new(Server::find(&self.server)?, key.as_ref(), &SystemTime::now);
        let mut sets = client.sets(name, kinds)?;
        sets.iter_mut().for_each(|set| ttls.note(set));
        Ok(sets)
    }

    /// Has a name have these sets: the types that differ are changed by one message, and none is sent when none does. A set
    /// of no values is removed. `ttls` is what is remembered of times that the server forces; [`Ttls::keep`] takes the outcome.
    ///
    /// # Errors
    /// As the server refuses: nothing was changed then.
    pub fn bring(&self, name: &Name, wanted: &[RecordSet], ttls: Option<&Ttls>, dry: bool) -> Result<Outcome, Trouble> {
        if let Some(zone) = self.zone.as_ref().filter(|zone| !name.is_in(zone)) {
            return Err(Error::failed(format!("`{name}` is not in the zone `{zone}`"))
                .hint("correct one of them")
                .into());
        }
        let key = self.key()?;
        let client = Client::new(Server::find(&self.server)?, key.as_ref(), &SystemTime::now);
        let kinds: Vec<RecordType> = wanted.iter().map(|set| set.kind).collect();
        let mut before = client.sets(name, &kinds)?;
        if let Some(ttls) = ttls {
            before.iter_mut().for_each(|set| ttls.note(set));
        }
        let differing = wanted.iter().zip(&before).filter(|(wanted, found)| !found.says(wanted));
        let changed: Vec<RecordSet> = differing.map(|(wanted, _)| wanted.clone()).collect();
        let mut after = Vec::new();
        if !changed.is_empty() && !dry {
            let zone = match &self.zone {
                Some(zone) => zone.clone(),
                None => client.zone_of(name)?,
            };
            client.replace(&zone, name, &changed)?;
            let kinds: Vec<RecordType> = changed.iter().map(|set| set.kind).collect();
            after = client.sets(name, &kinds)?;
            // A server may keep records for a time of its own, but not others than it took.
            if let Some((wanted, _)) = changed.iter().zip(&after).find(|(wanted, found)| !found.has_values_of(wanted)) {
                let why = format!(
                    "the name server `{}` took the update of `{name}`, and its {} is not what was sent",
                    self.server,
                    wanted.kind.name()
                );
                return Err(Error::failed(why).hint("see its log; another program may change the same name").into());
            }
        }
        Ok(Outcome { before, changed, after, clock_ahead: client.clock_ahead(), sent: client.sent() })
    }

    /// Removes what a name has of the types that [`Authority::bring`] gives it, and returns what that was.
    ///
    /// # Errors
    /// As [`Authority::bring`].
    pub fn remove(&self, name: &Name, kinds: &[RecordType], dry: bool) -> Result<Outcome, Trouble> {
        let wanted: Vec<RecordSet> = kinds.iter().map(|kind| RecordSet::of(*kind, 0, Vec::new())).collect();
        self.bring(name, &wanted, None, dry)
    }
}
