use std::io::{self, Write};

use brasa::{
    event::{Cause, Event, Outcome, Summary},
    host::LogLevel,
    recipe::Origin,
    resource::{Changed, Field},
};

use super::{
    Report, Sign, Style, Verdict, describe,
    describe::{on_one_line, package_line},
    printable, sign,
};

/// The report for people: changes and failures; what is unchanged is counted.
pub struct Human<W> {
    out: W,
    style: Style,
    /// 0: changes and failures; 1: every resource; 2: operations and places too.
    verbosity: u8,
    /// Only failures and the verdict.
    quiet: bool,
    dry: bool,
    counts: [usize; 3],
    /// Failures that the recipe says to ignore.
    ignored: usize,
    restarts: Vec<String>,
    /// The recipe whose heading was printed last.
    recipe: String,
    /// How many of the slowest actions are named at the end.
    slowest: usize,
    times: Vec<(f64, String)>,
}

/// That a cookbook hides others of its name, when it does.
fn hidden(origin: &Origin) -> Option<String> {
    hides(origin).map(|which| format!("cookbook `{}` is that of `{}`, {which}", origin.name, origin.path))
}

/// Which others of its name a cookbook hides, when it does: `which hides ...`.
pub fn hides(origin: &Origin) -> Option<String> {
    let shadows = origin.shadows.iter().map(|other| match other.as_str() {
        "compiled in" => "the compiled-in one".to_owned(),
        path => format!("`{path}`"),
    });
    let shadows: Vec<_> = shadows.collect();
    (!shadows.is_empty()).then(|| format!("which hides {}", shadows.join(", ")))
}

impl<W: Write> Human<W> {
    /// A report to `out`.
    pub fn new(out: W, style: Style, verbosity: u8, quiet: bool) -> Self {
        Self {
            out,
            style,
            verbosity,
            quiet,
            dry: false,
            counts: [0; 3],
            ignored: 0,
            restarts: Vec::new(),
            recipe: String::new(),
            slowest: 0,
            times: Vec::new(),
        }
    }

    /// Names so many of the slowest actions at the end.
    #[must_use]
    pub const fn slowest(mut self, count: usize) -> Self {
        self.slowest = count;
        self
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Started { dry, cookbooks, .. } => {
                self.dry = *dry;
                for line in cookbooks.iter().filter_map(hidden) {
                    if !self.quiet {
                        writeln!(self.out, "{} {}", self.style.yellow("!"), printable(&line))?;
                    }
                }
                Ok(())
            }
            Event::Owed { debts, kept, dropped } => {
                for debt in *debts {
                    let line = format!(
                        "still owed by an earlier run: {} to {} (because of {})",
                        debt.to, debt.action, debt.by
                    );
                    writeln!(self.out, "{} {}", self.style.yellow("!"), on_one_line(&line))?;
                }
                for debt in *kept {
                    let line = format!(
                        "kept for a run that declares it: {} to {} (because of {}, in a run of {})",
                        debt.to,
                        debt.action,
                        debt.by,
                        debt.run_list.join(", ")
                    );
                    writeln!(self.out, "{} {}", self.style.yellow("!"), on_one_line(&line))?;
                }
                for debt in *dropped {
                    let line = format!(
                        "no longer declared, so not done: {} was to {} because of {}",
                        debt.to, debt.action, debt.by
                    );
                    writeln!(self.out, "{} {}", self.style.yellow("!"), on_one_line(&line))?;
                }
                Ok(())
            }
            Event::Begun { .. } | Event::Progress(_) | Event::Finished { .. } => Ok(()),
            Event::Noted { level, message, .. } => {
                let shown = match level {
                    LogLevel::Debug => self.verbosity > 1,
                    LogLevel::Info => self.verbosity > 0,
                    LogLevel::Warn | LogLevel::Error => true,
                };
                if shown { writeln!(self.out, "{} {}", self.style.yellow("!"), printable(message)) } else { Ok(()) }
            }
            Event::Retried { resource, action, error, left } => {
                let head = on_one_line(&format!("{resource} {action}"));
                let line = format!("{head}: {error}; trying again ({left} left)");
                writeln!(self.out, "{} {}", self.style.yellow("!"), printable(&line))
            }
            Event::Ended { resource, action, recipe, place, cause, outcome, seconds } => {
                let head = on_one_line(&format!("{resource} {action}"));
                if self.slowest > 0 {
                    self.times.push((*seconds, format!("{head} ({recipe})")));
                }
                let because = on_one_line(&because(*cause));
                match outcome {
                    Outcome::Changed { changed, doubts } => {
                        if self.quiet {
                            return Ok(());
                        }
                        self.heading(recipe)?;
                        self.changed(&head, &because, changed, doubts)?;
                    }
                    Outcome::Unknown { doubts } => {
                        self.heading(recipe)?;
                        self.line("?", "unknown", &format!("{head}{because}"))?;
                        self.reasons(doubts)?;
                    }
                    Outcome::UpToDate { doubts } if !doubts.is_empty() => {
                        self.heading(recipe)?;
                        self.line("?", "may", &format!("{head}{because}"))?;
                        self.reasons(doubts)?;
                    }
                    Outcome::Skipped { reason, doubts } if !doubts.is_empty() => {
                        self.heading(recipe)?;
                        self.line("?", "may", &format!("{head}{because}, skipped now: {reason}"))?;
                        self.reasons(doubts)?;
                    }
                    Outcome::UpToDate { .. } => {
                        if self.verbosity > 0 {
                            self.heading(recipe)?;
                            let line = format!("    {head}{because} (up to date)");
                            writeln!(self.out, "{}", self.style.dim(printable(&line)))?;
                        }
                    }
                    Outcome::Skipped { reason, .. } => {
                        if self.verbosity > 0 {
                            self.heading(recipe)?;
                            let line = format!("    {head}{because} (skipped: {reason})");
                            writeln!(self.out, "{}", self.style.dim(on_one_line(&line)))?;
                        }
                    }
                    Outcome::Failed { error, hints, ignored } => {
                        self.ignored += usize::from(*ignored);
                        self.heading(recipe)?;
                        let note = if *ignored { " (ignored)" } else { "" };
                        let line = format!("{head}{because} failed{note}");
                        writeln!(self.out, "  {} {}", self.style.red("!"), self.style.bold(printable(&line)))?;
                        for line in error.lines() {
                            writeln!(self.out, "      {}", printable(line))?;
                        }
                        for hint in hints {
                            writeln!(self.out, "      hint: {}", printable(hint))?;
                        }
                        writeln!(self.out, "      declared at {place}")?;
                    }
                }
                if self.verbosity > 1 && !matches!(outcome, Outcome::Failed { .. }) {
                    writeln!(self.out, "      {}", self.style.dim(format!("declared at {place}")))?;
                }
                Ok(())
            }
        }
    }

    fn heading(&mut self, recipe: &str) -> io::Result<()> {
        if self.recipe == recipe {
            return Ok(());
        }
        recipe.clone_into(&mut self.recipe);
        writeln!(self.out, "{}", self.style.bold(recipe))
    }

    /// One line of a plan: sign, certainty, what. Outside a plan the certainty is left out.
    fn line(&mut self, symbol: &str, certainty: &str, text: &str) -> io::Result<()> {
        let symbol = match symbol {
            "+" => self.style.green(symbol).to_string(),
            "-" => self.style.red(symbol).to_string(),
            _ => self.style.yellow(symbol).to_string(),
        };
        let certainty = if self.dry { format!("{certainty:<7} ") } else { String::new() };
        writeln!(self.out, "  {symbol} {certainty}{}", printable(text))
    }

    fn reasons(&mut self, doubts: &[String]) -> io::Result<()> {
        for doubt in doubts {
            writeln!(self.out, "      because {}", on_one_line(doubt))?;
        }
        Ok(())
    }

    fn changed(&mut self, head: &str, because: &str, changed: &Changed, doubts: &[String]) -> io::Result<()> {
        let sign = sign(changed);
        if doubts.is_empty() {
            self.counts[match sign {
                Sign::Add => 0,
                Sign::Change => 1,
                Sign::Remove => 2,
            }] += 1;
        }
        if matches!(changed.event, Some("restart" | "reload")) {
            self.restarts.push(head.to_owned());
        }
        self.line(
            &sign.symbol().to_string(),
            if doubts.is_empty() { "will" } else { "may" },
            &format!("{head}{because}"),
        )?;
        self.reasons(doubts)?;
        // A thing that appears is told by its operations, a thing that changes by what differs.
        if sign == Sign::Change && changed.event.is_none() {
            let (hidden, shown): (Vec<_>, Vec<_>) = changed.fields.iter().partition(|field| is_hidden(field));
            for field in shown {
                writeln!(self.out, "      {}", on_one_line(&field.to_string()))?;
            }
            if !hidden.is_empty() {
                let names: Vec<_> = hidden.iter().map(|field| field.name.as_str()).collect();
                writeln!(self.out, "      {} (sensitive)", printable(&names.join(", ")))?;
            }
        }
        for operation in &changed.operations {
            writeln!(self.out, "      {}", self.style.dim(printable(&describe(operation))))?;
        }
        self.packages(changed)?;
        for diff in &changed.diffs {
            self.diff(diff)?;
        }
        Ok(())
    }

    fn packages(&mut self, changed: &Changed) -> io::Result<()> {
        if changed.packages.is_empty() {
            return Ok(());
        }
        let word = if self.dry { "the package manager would make" } else { "the package manager made" };
        let count = changed.packages.len();
        writeln!(self.out, "      {word} {count} package change{}:", if count == 1 { "" } else { "s" })?;
        if self.dry || self.verbosity > 0 {
            for change in &changed.packages {
                writeln!(self.out, "        {}", on_one_line(&package_line(change)))?;
            }
        } else {
            let names: Vec<_> = changed.packages.iter().map(|change| change.name.as_str()).collect();
            writeln!(self.out, "        {}", on_one_line(&names.join(" ")))?;
        }
        Ok(())
    }

    fn diff(&mut self, diff: &str) -> io::Result<()> {
        for line in diff.lines() {
            let line = printable(line);
            let painted = match line.as_bytes().first() {
                Some(b'+') => self.style.green(line).to_string(),
                Some(b'-') => self.style.red(line).to_string(),
                Some(_) | None => self.style.dim(line).to_string(),
            };
            writeln!(self.out, "      {painted}")?;
        }
        Ok(())
    }

    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        let Some(summary) = verdict.summary else { return self.out.flush() };
        self.times.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        if !self.times.is_empty() {
            writeln!(self.out, "{}", self.style.bold("slowest:"))?;
        }
        for (time, head) in self.times.iter().take(self.slowest) {
            writeln!(self.out, "{:>10}  {}", seconds(*time), printable(head))?;
        }
        if self.dry {
            self.plan_line(summary)?;
        } else {
            let counts = counts(summary, self.ignored);
            let seconds = seconds(verdict.seconds);
            if verdict.failure.is_none() {
                writeln!(self.out, "{} in {seconds}: {counts}", self.style.green("converged"))?;
            } else {
                writeln!(self.out, "{} after {seconds}: {counts}", self.style.red("failed"))?;
            }
        }
        self.out.flush()
    }

    fn plan_line(&mut self, summary: Summary) -> io::Result<()> {
        let [add, change, remove] = self.counts;
        if !self.restarts.is_empty() {
            writeln!(self.out, "restarts and reloads: {}", self.restarts.join(", "))?;
        }
        let mut line = format!("{add} to add, {change} to change, {remove} to remove");
        if summary.uncertain > 0 {
            line += &format!(", {} uncertain", summary.uncertain);
        }
        let failed = summary.failed.saturating_sub(self.ignored);
        if failed > 0 {
            line += &format!(", {failed} that cannot be done");
        }
        line += &ignored(self.ignored);
        line += &format!("; {} up to date, {} skipped", summary.up_to_date, summary.skipped);
        writeln!(self.out, "{}: {line}", self.style.bold("plan"))
    }
}

fn because(cause: Cause) -> String {
    match cause {
        Cause::Declared => String::new(),
        Cause::Notified { by, timing } => format!(", notified by {by} ({timing})"),
        Cause::Owed { by } => format!(", still owed because of {by}"),
    }
}

/// Whether the values of a property must not be shown, neither the old nor the new.
fn is_hidden(field: &Field) -> bool {
    field.from == "(sensitive)" && field.to == "(sensitive)"
}

/// `, 1 failure ignored`, when there are any.
fn ignored(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => ", 1 failure ignored".to_owned(),
        _ => format!(", {count} failures ignored"),
    }
}

/// `3 changed, 12 up to date, 1 skipped`.
fn counts(summary: Summary, ignored_failures: usize) -> String {
    let mut line = format!("{} changed", summary.changed);
    let failed = summary.failed.saturating_sub(ignored_failures);
    if failed > 0 {
        line += &format!(", {failed} failed");
    }
    line += &ignored(ignored_failures);
    line + &format!(", {} up to date, {} skipped", summary.up_to_date, summary.skipped)
}

/// `3.2 s`, `45 ms`, `2 min 5 s`.
fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}

impl<W: Write> Report for Human<W> {
    fn event(&mut self, event: &Event) {
        // A reader that went away (`| head`) is no reason to stop converging.
        self.write(event).unwrap_or_default();
    }

    fn end(&mut self, verdict: &Verdict) {
        self.verdict(verdict).unwrap_or_default();
    }
}
