//! Servers made, converged and destroyed: each step can be cut off, and the same command goes on from there.
use std::path::{Path, PathBuf};

use brasa::{
    host::{disk, environment, tool::Output},
    values::Digest,
};

use super::{
    bootstrap::{self, Load},
    description::Description,
    dns, host_key,
    provider::{self, Machine, Provider, State, Wanted, there},
    record::{Phase, Record, Records},
    ssh::{self, Ssh, Trouble},
    steps::{Patience, Steps, now},
    user_data::{HostKey, fitting, user_data},
};
use crate::failure::{Code, Failure};

/// Seconds for which a server may show another host key, or let nobody in: cloud-init puts both right while it starts.
const SETTLING: u64 = 30;
/// Seconds for which a server that was asked for may be one that its provider does not show yet.
const YOUNG: u64 = 600;
/// Seconds in which a server must be gone.
const GOING: u64 = 300;
/// Seconds for one look whether a server answers, at least and at most.
const ONCE: (u64, u64) = (5, 60);
/// Where the script that checks a server is put: gone when it is booted again.
const CHECK: &str = "/run/brasa-verify";
/// The file of the host key until the provider has answered.
const HOST_KEY: &str = "host_key";

/// A command on one server.
pub struct Work<'a> {
    /// All records.
    pub records: &'a Records,
    /// What the server is to be.
    pub described: Description,
    /// Who makes it.
    pub provider: Box<dyn Provider>,
    /// Who is told.
    pub steps: &'a Steps,
}

/// How a machine is converged.
pub struct Converging {
    /// Arguments of the run there.
    pub arguments: Vec<String>,
    /// Where its output goes.
    pub output: Output,
}

impl Work<'_> {
    fn name(&self) -> &str {
        &self.described.name
    }

    fn load(&self) -> Load<'_> {
        let Description { dna, solo, binary, files, keys, .. } = &self.described;
        Load { dna, solo: solo.as_deref(), binary: binary.as_deref(), files, keys }
    }

    /// Makes the server, or goes on with one that is half made, until it is converged. The exit code of the run there.
    ///
    /// # Errors
    /// That there is one already; what the provider or the server refused.
    pub fn create(&self, converging: &Converging) -> Result<(Record, u8), Failure> {
        self.load().check()?;
        let mut record = self.begin()?;
        self.running(&mut record)?;
        let ssh = Ssh::to(&record, &self.records.of(self.name()));
        self.reach(&record, &ssh)?;
        record.phase = record.phase.max(Phase::Ready);
        self.records.write(&record)?;
        let code = self.settle(&mut record, &ssh, converging)?;
        Ok((record, code))
    }

    /// Converges the server again.
    ///
    /// # Errors
    /// That there is none; what the server refused.
    pub fn converge(&self, mut record: Record, converging: &Converging) -> Result<(Record, u8), Failure> {
        self.load().check()?;
        if record.phase < Phase::Made || record.phase == Phase::Going {
            return Err(Failure::failed(format!("the server `{}` is half made", record.name))
                .hint(format!("`brasa server create {}` goes on with it", record.name)));
        }
        self.running(&mut record)?;
        let ssh = Ssh::to(&record, &self.records.of(self.name()));
        self.reach(&record, &ssh)?;
        let code = self.settle(&mut record, &ssh, converging)?;
        Ok((record, code))
    }

    /// Runs a script of shell on the server, as root; its exit code.
    ///
    /// # Errors
    /// What the server refused.
    pub fn verify(&self, record: &Record, script: &Path, output: Output) -> Result<u8, Failure> {
        let ssh = Ssh::to(record, &self.records.of(self.name()));
        ssh.put_file(CHECK, 0o700, script, true)?;
        let code = ssh.stream(&format!("sh -eu {CHECK}"), output)?;
        self.steps.done("checked");
        Ok(code)
    }

    /// A record with a server behind it: a new one, or one that an interrupted command began.
    fn begin(&self) -> Result<Record, Failure> {
        let name = self.name();
        let recorded = self.records.read(name)?;
        // Where a token makes one server however often it is shown, asking again is as good as waiting.
        let again =
            recorded.as_ref().is_some_and(|record| record.phase == Phase::Asked) && self.provider.keeps_tokens();
        let found = self.found(recorded.as_ref(), !again)?;
        let Some(record) = recorded else {
            return match found.first() {
                None => self.fresh(None),
                Some(machine) => Err(self.stray(machine)),
            };
        };
        // Whatever is done to ours, it must not be done to somebody else's.
        if let Some(other) = found.iter().find(|machine| !record.is_of(machine)) {
            return Err(self.stray(other));
        }
        match (found.first(), record.phase) {
            // It may still come: asked by the same token it is the same server.
            (None, Phase::Asked) => {
                self.same_asker(&record)?;
                self.fresh(Some(&record))
            }
            (None, _) => {
                self.same_asker(&record)?;
                self.steps.warn("the server that was recorded is gone; it is made anew");
                self.fresh(None)
            }
            // What was converged once is somebody's server, whatever state it is in now.
            (Some(machine), phase)
                if phase == Phase::Going
                    || machine.state == State::Going
                    || (machine.state == State::Failed && phase < Phase::Converged) =>
            {
                self.steps.warn(&format!("`{}` is half {}: it is cleaned up first", machine.id, half(phase)));
                self.remove(&found)?;
                self.fresh(None)
            }
            (Some(machine), Phase::Converged) => {
                let state =
                    Some(machine.state).filter(|state| *state != State::Running && !machine.addresses.is_empty());
                let state = state.map(|state| format!(", {}", state.word())).unwrap_or_default();
                let at = shown(machine);
                let message = format!("the server `{name}` exists already: `{}` at {at}{state}", machine.id);
                Err(Failure::refused(message)
                    .hint(format!("`brasa server converge {name}` converges it again"))
                    .hint(format!("`brasa server destroy {name}` destroys it")))
            }
            (Some(machine), Phase::Asked | Phase::Made | Phase::Ready | Phase::Going) => {
                self.steps.warn(&format!("going on with `{}`, which an earlier command began", machine.id));
                let mut record = record;
                self.note(&mut record, machine)?;
                Ok(record)
            }
        }
    }

    /// What there is of this server. One that was asked for a moment ago may need a while to be shown, which is waited for on
    /// demand: what is overlooked would run on without a record.
    fn found(&self, record: Option<&Record>, patiently: bool) -> Result<Vec<Machine>, Failure> {
        let look = || there(&*self.provider, self.name(), record.map_or("", |record| &record.id));
        let mut found = look()?;
        if let Some(record) = record.filter(|record| patiently && is_young(record)) {
            let mut patience = Patience::of(self.provider.lag().min(self.described.ready_within));
            while !found.iter().any(|machine| record.is_of(machine)) && patience.wait()? {
                found = look()?;
            }
        }
        Ok(found)
    }

    /// Refuses to take a server for gone that was made by somebody else than who asks now: another account does not see it.
    fn same_asker(&self, record: &Record) -> Result<(), Failure> {
        if record.provider != self.described.provider {
            return Ok(());
        }
        let Some(differs) = provider::other_asker(&*self.provider, &record.place)? else { return Ok(()) };
        let (name, id) = (&record.name, &record.id);
        let id = if id.is_empty() { String::new() } else { format!(" (`{id}`)") };
        Err(Failure::refused(format!("`{}` knows nothing of the server `{name}`{id}: {differs}", record.provider))
            .hint("ask with the credentials by which it was made")
            .hint(format!("when it is gone for good: `brasa server destroy {name} --forget`")))
    }

    fn stray(&self, machine: &Machine) -> Failure {
        let name = self.name();
        let message = format!(
            "`{}` has a server `{name}` already that is not recorded here: `{}` at {}",
            self.described.provider,
            machine.id,
            shown(machine)
        );
        Failure::refused(message)
            .hint("its record is with whoever made it: another user, another machine, another --state")
            .hint(format!("`brasa server destroy {name}` destroys it"))
    }

    /// Makes keys and record, or takes those of a request whose answer was lost, then asks the provider.
    fn fresh(&self, asked: Option<&Record>) -> Result<Record, Failure> {
        let (name, described) = (self.name(), &self.described);
        if asked.is_none() {
            self.records.forget(name)?;
        }
        let directory = self.records.of(name);
        disk::create_private_dirs(&directory)?;
        let token = match asked {
            Some(record) => record.token.clone(),
            None => hexadecimal(environment::random::<16>()?),
        };
        let login = directory.join(ssh::LOGIN_KEY);
        let login = match &described.ssh_key {
            Some(key) => ssh::public_key(&public_half(key))?,
            None if asked.is_some() && disk::exists(&login) => ssh::public_key(&public_half(&login))?,
            None => ssh::make_key(&login, &format!("brasa-{name}"))?,
        };
        let mut authorized = vec![login.clone()];
        authorized.extend(described.authorized()?);
        let host_key = self.host_key(&directory, asked.is_some())?;
        let text = user_data(described, &authorized, Some(&host_key), None)?;
        let user_data = fitting(&text, self.provider.limit(), &described.provider)?;
        let mut record = Record {
            name: name.to_owned(),
            fqdn: described.fqdn.clone(),
            provider: described.provider.clone(),
            token,
            user: described.user.clone(),
            ssh_key: described.ssh_key.clone(),
            base: described.base.clone(),
            place: self.provider.place()?,
            since: now(),
            ..Record::default()
        };
        self.records.keep_description(name, &described.text)?;
        self.records.write(&record)?;
        self.steps.say(&format!("asking `{}` for a server", described.provider));
        let wanted =
            Wanted { name, fqdn: &described.fqdn, token: &record.token, user_data: &user_data, authorized_key: &login };
        match self.provider.create(&wanted) {
            Ok(machine) => {
                record.phase = Phase::Made;
                self.note(&mut record, &machine)?;
                self.steps.done("made");
                Ok(record)
            }
            Err(failure) => {
                // Where nothing was made, nothing is to be remembered; where that is not known, the record stays. Who gave no
                // answer may have heard, and the server comes later.
                let answered = matches!(failure.code, Code::Usage | Code::Input | Code::Denied | Code::Refused);
                if asked.is_none() && answered && self.provider.find(name).is_ok_and(|found| found.is_empty()) {
                    self.records.forget(name)?;
                }
                Err(failure)
            }
        }
    }

    /// A host key that is known before the server is. Its private half stays here until the provider has answered, so that the
    /// same server can be asked for again.
    fn host_key(&self, directory: &Path, again: bool) -> Result<HostKey, Failure> {
        let path = directory.join(HOST_KEY);
        let there = again && disk::exists(&path);
        let public = if there { ssh::public_key(&public_half(&path))? } else { ssh::make_key(&path, "")? };
        let private = bootstrap::input(&path, 64 << 10)?;
        let line = format!("{} {public}\n", self.described.fqdn);
        self.records.put(self.name(), ssh::KNOWN_HOSTS, line.as_bytes())?;
        Ok(HostKey { private: String::from_utf8_lossy(&private).into_owned(), public })
    }

    /// Takes over what the provider says of a server.
    fn note(&self, record: &mut Record, machine: &Machine) -> Result<(), Failure> {
        record.id.clone_from(&machine.id);
        record.phase = record.phase.max(Phase::Made);
        record.addresses.clone_from(&machine.addresses);
        record.ssh = machine.ssh.clone().or_else(|| Some((machine.addresses.first()?.clone(), 22)));
        self.records.write(record)?;
        let host_key = self.records.of(&record.name).join(HOST_KEY);
        disk::remove(&public_half(&host_key))?;
        Ok(disk::remove(&host_key)?)
    }

    /// Waits until the provider says that the server runs and has an address.
    fn running(&self, record: &mut Record) -> Result<(), Failure> {
        let mut patience = Patience::of(self.described.ready_within);
        let mut appearing = Patience::of(self.provider.lag().min(self.described.ready_within));
        let fresh = record.phase == Phase::Made && record.ssh.is_none();
        let mut unseen = is_young(record);
        loop {
            let machine = self.provider.look(&record.id)?;
            unseen &= machine.is_none();
            match &machine {
                Some(Machine { state: State::Running, .. }) => {
                    let machine = machine.unwrap_or_else(|| unreachable!("it was just seen"));
                    self.note(record, &machine)?;
                    if record.ssh.is_some() {
                        if fresh {
                            self.steps.done("running");
                        }
                        return Ok(());
                    }
                }
                Some(Machine { state: State::Building, .. }) => {}
                Some(broken @ Machine { state: State::Failed, .. }) if record.phase < Phase::Ready => {
                    let reason = broken.reason.clone().unwrap_or_else(|| "it does not say why".to_owned());
                    let message =
                        format!("`{}` could not make the server `{}`: {reason}", record.provider, record.name);
                    let words = self.last_words(&record.id);
                    self.steps.warn(&format!("{message}; what is left of it is removed"));
                    self.remove(std::slice::from_ref(broken))?;
                    self.records.forget(&record.name)?;
                    return Err(Failure::refused(message + &words));
                }
                Some(Machine { state: state @ (State::Stopped | State::Failed | State::Going), reason, .. }) => {
                    let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                    let message = format!("the server `{}` (`{}`) is {}{why}", record.name, record.id, state.word());
                    return Err(Failure::refused(message).hint(format!(
                        "start it by its provider's own means, or `brasa server destroy {}`",
                        record.name
                    )));
                }
                None if unseen && appearing.wait()? => continue,
                None => {
                    self.same_asker(record)?;
                    return Err(self.gone(record));
                }
            }
            if !patience.wait()? {
                let message = format!("`{}` has no address after {} s", record.name, self.described.ready_within);
                return Err(self.unready(message, &record.id));
            }
        }
    }

    fn gone(&self, record: &Record) -> Failure {
        let message = format!("the server `{}` is gone: `{}` knows no `{}`", record.name, record.provider, record.id);
        Failure::unavailable(message + &self.last_words(&record.id))
            .hint(format!("`brasa server create {}` makes it anew", record.name))
    }

    fn unready(&self, message: String, id: &str) -> Failure {
        let name = self.name();
        Failure::unavailable(message + &self.last_words(id))
            .hint(format!("`brasa server create {name}` goes on waiting, `brasa server destroy {name}` removes it"))
            .hint("`ready_within` in its description gives it more time")
    }

    fn last_words(&self, id: &str) -> String {
        self.provider.last_words(self.name(), id).map(|words| format!("; {words}")).unwrap_or_default()
    }

    /// Waits until SSH answers with the right key, and cloud-init is done.
    fn reach(&self, record: &Record, ssh: &Ssh) -> Result<(), Failure> {
        let seconds = self.described.ready_within;
        let mut patience = Patience::of(seconds);
        let mut settling: Option<Patience> = None;
        let mut rounds = 0_u32;
        loop {
            let (trouble, said) = match ssh.attempt("true", patience.left().clamp(ONCE.0, ONCE.1))? {
                Ok(ended) if ended.code == 0 => break,
                Ok(ended) => (Trouble::NotRoot, ssh::last_line(&ended.stderr)),
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Silent => settling = None,
                Trouble::Settings => return Err(trouble.failure(&record.name, &said)),
                Trouble::WrongHostKey | Trouble::NotLetIn | Trouble::NotRoot => {
                    let settling = settling.get_or_insert_with(|| Patience::of(SETTLING.min(seconds / 2)));
                    if settling.left() == 0 {
                        return Err(trouble.failure(&record.name, &said));
                    }
                }
            }
            if rounds == 0 {
                self.steps.say("waiting for SSH");
            }
            rounds += 1;
            // Whoever fell over while it started will not answer any more.
            if rounds.is_multiple_of(5) && self.provider.look(&record.id)?.is_none() {
                return Err(self.gone(record));
            }
            if !patience.wait()? {
                let message = format!("`{}` did not answer by SSH within {seconds} s: {said}", record.name);
                return Err(self.unready(message, &record.id));
            }
        }
        if record.phase >= Phase::Ready {
            return Ok(());
        }
        self.steps.done("SSH answers");
        let wait = "command -v cloud-init >/dev/null 2>&1 || exit 0; cloud-init status --wait >/dev/null 2>&1";
        loop {
            match ssh.attempt(wait, patience.left().max(ONCE.0))? {
                Ok(ended) if ended.code == 1 => {
                    self.steps.warn("cloud-init ended with errors; `cloud-init status --long` there tells more");
                    break;
                }
                Ok(_) => break,
                // It may boot the machine again.
                Err((Trouble::Silent, _)) if patience.wait()? => {}
                Err((Trouble::Silent, said)) => {
                    let message = format!("cloud-init of `{}` was not done within {seconds} s: {said}", record.name);
                    return Err(self.unready(message, &record.id));
                }
                Err((trouble, said)) => return Err(trouble.failure(&record.name, &said)),
            }
        }
        self.steps.done("ready");
        Ok(())
    }

    /// Puts everything there, gives the server a host key that nobody else has seen, and converges it.
    fn settle(&self, record: &mut Record, ssh: &Ssh, converging: &Converging) -> Result<u8, Failure> {
        // What comes to be known later (a name server, say) is known to `destroy` then. Another name would be another server's.
        if record.fqdn == self.described.fqdn {
            self.records.keep_description(&record.name, &self.described.text)?;
            record.base.clone_from(&self.described.base);
            let then = std::mem::replace(&mut record.place, self.provider.place()?);
            // Keys of a session say nothing of whose they are.
            provider::keep_asker(&mut record.place, then);
            self.records.write(record)?;
        }
        let sha = self.load().upload(ssh, &|what| self.steps.say(what))?;
        self.steps.done("uploaded");
        if record.phase < Phase::Converged {
            host_key::replace(ssh, self.records, record, self.steps)?;
        }
        self.steps.say("converging");
        let code = bootstrap::run(ssh, &sha, &converging.arguments, converging.output)?;
        self.steps.done("converge ended");
        if [Code::Success, Code::Changes, Code::Reboot].iter().any(|good| good.number() == code) {
            record.phase = Phase::Converged;
            self.records.write(record)?;
        }
        Ok(code)
    }

    /// Destroys every server of this name that the provider has, or only the one of the record, and forgets it. Whether there was
    /// any.
    ///
    /// # Errors
    /// What the provider or the name server refused: the record stays then, and the same command goes on.
    pub fn destroy(&self, record: Option<Record>, only_ours: bool) -> Result<bool, Failure> {
        let mut found = self.found(record.as_ref(), true)?;
        if only_ours {
            found.retain(|machine| record.as_ref().is_some_and(|record| record.is_of(machine)));
        }
        if let Some(record) = record.as_ref().filter(|record| !found.iter().any(|machine| record.is_of(machine))) {
            self.same_asker(record)?;
            self.unseen(record, only_ours)?;
        }
        let was_there = !found.is_empty() || record.is_some();
        if let Some(mut record) = record {
            record.phase = Phase::Going;
            self.records.write(&record)?;
            Ssh::to(&record, &self.records.of(self.name())).close();
        }
        self.remove(&found)?;
        // Only now: as long as it runs, it may put its records back.
        if let Some(dns) = self.described.dns.as_ref().filter(|_| was_there) {
            dns::delete(dns, &self.described.fqdn)?;
            self.steps.done("its name is out of the DNS");
        }
        self.records.forget(self.name())?;
        Ok(was_there)
    }

    /// What is done about a server that was asked for and that nobody has seen.
    fn unseen(&self, record: &Record, keep: bool) -> Result<(), Failure> {
        let (name, provider) = (&record.name, &record.provider);
        if record.phase == Phase::Asked {
            let message =
                format!("`{provider}` was asked for the server `{name}`, did not answer, and does not show it");
            if keep {
                return Err(Failure::unavailable(message));
            }
            self.steps.warn(&format!("{message}; `brasa server list` shows it should it come yet"));
        } else if is_young(record) {
            self.provider.destroy(&record.id)?;
        }
        Ok(())
    }

    /// Destroys servers and waits until they are gone.
    fn remove(&self, machines: &[Machine]) -> Result<(), Failure> {
        for machine in machines {
            self.steps.say(&format!("destroying `{}`", machine.id));
            self.provider.destroy(&machine.id)?;
        }
        let mut patience = Patience::of(GOING);
        for machine in machines {
            while self.provider.look(&machine.id)?.is_some() {
                if !patience.wait()? {
                    let message = format!("`{}` is not gone after {GOING} s", machine.id);
                    return Err(Failure::unavailable(message).hint("the same command looks again"));
                }
            }
        }
        if !machines.is_empty() {
            self.steps.done("destroyed");
        }
        Ok(())
    }
}

/// Whether a server may be one that its provider does not show yet.
pub fn is_young(record: &Record) -> bool {
    matches!(record.phase, Phase::Asked | Phase::Made) && now().saturating_sub(record.since) < YOUNG
}

const fn half(phase: Phase) -> &'static str {
    match phase {
        Phase::Going => "destroyed",
        Phase::Asked | Phase::Made | Phase::Ready | Phase::Converged => "made",
    }
}

/// Where a machine is, for people.
pub fn shown(machine: &Machine) -> String {
    machine.addresses.first().cloned().unwrap_or_else(|| format!("no address yet, {}", machine.state.word()))
}

/// The file with the public half of a key.
pub fn public_half(key: &Path) -> PathBuf {
    if key.extension().is_some_and(|end| end == "pub") { key.to_owned() } else { key.with_added_extension("pub") }
}

fn hexadecimal(bytes: [u8; 16]) -> String {
    Digest::from_raw(std::array::from_fn(|at| bytes[at % 16])).to_string()[..32].to_owned()
}
