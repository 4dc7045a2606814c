//! What happens during a run: the interface that every report is made from. Reports only listen.
use serde::{Deserialize, Serialize};

use crate::{
    host::{LogLevel, Progress},
    recipe::{Origin, Timing},
    resource::Changed,
    values::Place,
};

/// Something that happened. Serialized, it is one line of the `ndjson` report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// Converging begins; everything compiled.
    Started {
        /// Recipes in order, included ones too.
        recipes: &'a [String],
        /// How many resources they declare.
        resources: usize,
        /// Where the cookbooks that are not compiled in were found, and which others they hide.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        cookbooks: &'a [Origin],
        /// Whether this is a plan: nothing is changed.
        dry: bool,
    },
    /// An earlier run left notices undelivered; they are delivered with this run's delayed ones.
    Owed {
        /// Those whose target is still declared.
        debts: &'a [Debt],
        /// Those whose target this run does not declare, while another run-list that promised them may: kept.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        kept: &'a [Debt],
        /// Those whose target no recipe declares any more: dropped.
        dropped: &'a [Debt],
    },
    /// An action begins.
    Begun {
        /// `kind[name]`.
        resource: &'a str,
        /// The action's word.
        action: &'a str,
        /// Why it is taken.
        cause: Cause<'a>,
    },
    /// A resource has something to say, as `log` does. No change, and in a plan the same.
    Noted {
        /// `kind[name]`.
        resource: &'a str,
        /// Weight.
        level: LogLevel,
        /// The line.
        message: &'a str,
    },
    /// An action failed and is tried again.
    Retried {
        /// `kind[name]`.
        resource: &'a str,
        /// The action's word.
        action: &'a str,
        /// What failed.
        error: String,
        /// Attempts that are left.
        left: u32,
    },
    /// An action has ended.
    Ended {
        /// `kind[name]`.
        resource: &'a str,
        /// The action's word.
        action: &'a str,
        /// The recipe that declares the resource.
        recipe: &'a str,
        /// Where it is declared.
        place: &'a Place,
        /// Why it was taken.
        cause: Cause<'a>,
        /// How it ended.
        #[serde(flatten)]
        outcome: Outcome<'a>,
        /// Seconds it took, by the monotonic clock.
        seconds: f64,
    },
    /// Progress inside a long action.
    Progress(ProgressLine),
    /// Converging has ended.
    Finished {
        /// The counts.
        summary: Summary,
        /// Every failure, in a sentence each.
        failures: Vec<String>,
    },
}

/// [`Progress`] in a form that serializes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProgressLine {
    /// What is going on.
    pub text: String,
    /// 0 to 100, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<f32>,
}

impl From<&Progress> for ProgressLine {
    fn from(progress: &Progress) -> Self {
        match progress {
            Progress::Step { text, percent } => Self { text: text.clone(), percent: *percent },
            Progress::Waiting { what, holder, waited } => {
                Self { text: format!("waiting for {what}, held by {holder} ({waited} s)"), percent: None }
            }
            Progress::Note { message, .. } => Self { text: message.clone(), percent: None },
        }
    }
}

/// Why an action is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause<'a> {
    /// A recipe asks for it.
    Declared,
    /// Another resource changed something.
    Notified {
        /// Which.
        by: &'a str,
        /// When it wanted it.
        timing: Timing,
    },
    /// An earlier run owed it.
    Owed {
        /// The resource that changed then.
        by: &'a str,
    },
}

/// How an action ended, or (in a plan) would end.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome<'a> {
    /// A guard said no, or there is nothing to do because the action is `nothing`.
    Skipped {
        /// The guard.
        reason: &'a str,
        /// In a plan: why converging may see it differently.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        doubts: &'a [String],
    },
    /// The thing is as it should be.
    UpToDate {
        /// In a plan: why converging may find it otherwise.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        doubts: &'a [String],
    },
    /// Something was changed.
    Changed {
        /// What.
        #[serde(flatten)]
        changed: &'a Changed,
        /// In a plan: why it may not come to this. Empty: it will.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        doubts: &'a [String],
    },
    /// Only in a plan: what would happen cannot be known before earlier steps are done.
    Unknown {
        /// Why not.
        doubts: &'a [String],
    },
    /// It failed.
    Failed {
        /// The sentence.
        error: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        hints: Vec<String>,
        /// Whether the recipe says to go on.
        ignored: bool,
    },
}

/// A notice that was promised and has not been delivered yet. Kept durably, so that no restart is ever lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Debt {
    /// The resource that changed.
    pub by: String,
    /// The resource to be told.
    pub to: String,
    /// What it then does.
    pub action: String,
    /// The recipes that were asked for when it was promised. Empty: by the run itself, or (as earlier versions wrote it) unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run_list: Vec<String>,
}

/// The counts of a run. They count actions, as Chef does, not resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Changed (in a plan: will change).
    pub changed: usize,
    /// Only in a plan: may change, or cannot be known.
    pub uncertain: usize,
    /// Already as it should be.
    pub up_to_date: usize,
    /// Skipped by a guard.
    pub skipped: usize,
    /// Failed, ignored failures included.
    pub failed: usize,
    /// What became of the reboot that the run asked for.
    #[serde(skip)]
    pub reboot: Rebooting,
}

/// What became of a reboot that a run asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rebooting {
    /// None was asked for, or it was taken back.
    #[default]
    No,
    /// The machine is about to go down.
    Scheduled,
    /// The machine would not schedule it.
    Failed,
}

impl Summary {
    /// All actions.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.changed + self.uncertain + self.up_to_date + self.skipped + self.failed
    }
}
