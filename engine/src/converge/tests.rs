use std::collections::BTreeMap;

use crate::{
    Error, Result, Run, compile_function,
    converge::{Context, Ledger},
    event::{Debt, Event},
    facts::Facts,
    host::{Dry, Fake, Host},
    node::{Attributes, Node},
    recipe::{
        Composed, Composite, CompositeAction, Declare as _, Id, Recipe,
        Timing::{Before, Delayed, Immediately},
        exists,
    },
    resources::prelude::{Execute, File, Package, SystemdUnit, execute, package, systemd_unit},
};

/// Counts how often each notice is owed.
#[derive(Default)]
struct Owed {
    open: Vec<Vec<Debt>>,
    owed: BTreeMap<String, i32>,
}

impl Owed {
    fn add(&mut self, debts: &[Debt], by: i32) {
        for debt in debts {
            *self.owed.entry(format!("{} to {} {}", debt.by, debt.action, debt.to)).or_default() += by;
        }
    }
}

impl Ledger for Owed {
    fn begin(&mut self, _: &str, _: &str, owes: &[Debt]) -> Result<()> {
        self.open.push(owes.to_vec());
        self.add(owes, 1);
        Ok(())
    }

    fn end(&mut self, _: &str, _: &str, _: bool) -> Result<()> {
        self.open.pop();
        Ok(())
    }

    fn settle(&mut self, debt: &Debt) -> Result<()> {
        self.add(std::slice::from_ref(debt), -1);
        Ok(())
    }
}

fn compiled(recipe: impl Fn(&mut Recipe) -> Result<()> + 'static) -> Result<Run> {
    let fake = Fake::new();
    compile_function(&Node::new("test", None, Attributes::default(), Facts::new(&fake)), "test", recipe)
}

/// What happened, a line for each action that ended, and what is still owed.
fn converged(run: &Run, fake: &mut dyn Host) -> (Vec<String>, BTreeMap<String, i32>, Result<()>) {
    converged_owing(run, fake, Vec::new())
}

/// The same after earlier runs that owe something; what became of that is told by the first lines.
fn converged_owing(
    run: &Run,
    fake: &mut dyn Host,
    owed: Vec<Debt>,
) -> (Vec<String>, BTreeMap<String, i32>, Result<()>) {
    let (mut lines, mut ledger) = (Vec::new(), Owed::default());
    ledger.add(&owed, 1);
    let mut listen = |event: &Event| {
        if let Event::Owed { debts, kept, dropped } = event {
            let told = [("taken over", debts), ("kept", kept), ("dropped", dropped)];
            lines.extend(told.iter().flat_map(|(what, all)| all.iter().map(move |debt| format!("{what} {}", debt.to))));
        }
        if let Event::Ended { resource, action, outcome, .. } = event {
            let outcome = serde_json::to_value(outcome).unwrap();
            let doubts = outcome.get("doubts").map(|doubts| format!(" {doubts}")).unwrap_or_default();
            lines.push(format!("{resource} {action} {}{doubts}", outcome["outcome"].as_str().unwrap()));
        }
    };
    let context = Context { ledger: &mut ledger, listen: &mut listen, owed, stop: &|| None };
    let outcome = run.converge(fake, context).map(|_| ());
    let owed = ledger.owed.into_iter().filter(|(_, count)| *count != 0).collect();
    (lines, owed, outcome)
}

struct Pair {
    second: &'static str,
    inner: bool,
}

impl Composite for Pair {
    const KIND: &'static str = "pair";

    fn name(&self) -> String {
        if self.inner { "inner" } else { "outer" }.to_owned()
    }

    fn declare(&self, r: &mut Recipe) -> Result<()> {
        if self.inner {
            let one = r.add(File::at("/one").content("1"));
            r.add(File::at("/two").content("2"));
            r.add(Execute::new("between", ["between"]).nothing().subscribes(execute::Run, one, Delayed));
        } else {
            r.compose(Pair { inner: true, second: self.second })?;
            r.add(Execute::new("last", [self.second]));
        }
        Ok(())
    }
}

fn pair(second: &'static str) -> Result<Run> {
    compiled(move |r| {
        let pair = r.compose(Pair { second, inner: false })?;
        r.add(Execute::new("later", ["later"]).nothing().subscribes(execute::Run, pair, Delayed));
        r.add(Execute::new("at once", ["at-once"]).nothing().subscribes(execute::Run, pair, Immediately));
        Ok(())
    })
}

#[test]
fn the_whole_tells_once_after_its_last_part_and_owes_nothing_then() {
    let (lines, owed, outcome) = converged(&pair("fine").unwrap(), &mut Fake::new());
    outcome.unwrap();
    let expected = [
        "file[/one] create changed",
        "file[/two] create changed",
        "execute[between] run changed",
        "pair[inner] run changed",
        "execute[last] run changed",
        "pair[outer] run changed",
        "execute[at once] run changed",
        "execute[later] run changed",
    ];
    assert_eq!(lines, expected);
    assert_eq!(owed, BTreeMap::new());
}

#[test]
fn when_a_part_fails_what_the_others_promised_is_kept() {
    let mut fake = Fake::new().with_answer("broken", 1, "");
    let (lines, owed, outcome) = converged(&pair("broken").unwrap(), &mut fake);
    let expected = [
        "file[/one] create changed",
        "file[/two] create changed",
        "execute[between] run changed",
        "pair[inner] run changed",
        "execute[last] run failed",
        "pair[outer] run failed",
        "execute[at once] run changed",
        "execute[later] run changed",
    ];
    assert_eq!(lines, expected);
    assert_eq!(owed, BTreeMap::new());
    let Err(Error::Step { id, source, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(id, "pair[outer]");
    assert!(source.to_string().contains("execute[last]"), "{source}");
}

#[test]
fn a_whole_of_which_nothing_is_due_is_up_to_date_and_asks_for_nothing() {
    let run = compiled(|r| {
        let pair = r.compose(Composed::of(Pair { second: "-", inner: true }).notifies(
            execute::Run,
            Id::<Execute>::named("first"),
            Before,
        ))?;
        r.add(Execute::new("first", ["first"]).nothing().subscribes(execute::Run, pair, Delayed));
        Ok(())
    });
    let run = run.unwrap();
    let mut fake = Fake::new();
    let (lines, owed, _) = converged(&run, &mut fake);
    assert_eq!(lines[0], "execute[first] run changed");
    assert_eq!((lines.len(), owed), (6, BTreeMap::new()));
    let (lines, _, _) = converged(&run, &mut fake);
    assert_eq!(lines, ["file[/one] create up_to_date", "file[/two] create up_to_date", "pair[inner] run up_to_date"]);
}

#[test]
fn guards_of_the_whole_are_asked_before_its_parts() {
    let guarded = compiled(|r| {
        r.compose(Composed::of(Pair { second: "-", inner: true }).only_if(exists("/wanted")))?;
        Ok(())
    });
    let guarded = guarded.unwrap();
    assert_eq!(converged(&guarded, &mut Fake::new()).0, ["pair[inner] run skipped"]);
    assert_eq!(converged(&guarded, &mut Fake::new().with_directory("/wanted")).0.len(), 4);
}

#[test]
fn a_plan_shows_the_parts_and_what_follows() {
    let fake = Fake::new();
    let (lines, _, outcome) = converged(&pair("fine").unwrap(), &mut Dry::new(&fake));
    outcome.unwrap();
    assert_eq!(lines.len(), 8, "{lines:?}");
    assert!(lines.contains(&"pair[outer] run changed".to_owned()), "{lines:?}");
}

#[test]
fn a_plan_goes_on_after_a_failure_and_names_every_one() {
    let run = compiled(|r| {
        r.add(File::at("/one").content("1").owner("nobody-1"));
        r.add(File::at("/two").content("2").owner("nobody-2"));
        r.add(File::at("/three").content("3"));
        Ok(())
    });
    let fake = Fake::new();
    let run = run.unwrap();
    assert_eq!(converged(&run, &mut Fake::new()).0, ["file[/one] create failed"]);
    let (planned, _, outcome) = converged(&run, &mut Dry::new(&fake));
    assert_eq!(planned, ["file[/one] create failed", "file[/two] create failed", "file[/three] create changed"]);
    let Err(Error::Several(failures)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failures.len(), 2, "{failures:?}");
}

#[test]
fn a_composite_that_tells_itself_ends_as_an_error() {
    struct Round;
    impl Composite for Round {
        const KIND: &'static str = "round";

        fn name(&self) -> String {
            "x".to_owned()
        }

        fn declare(&self, r: &mut Recipe) -> Result<()> {
            let again = Id::<Composed<Self>>::named("x");
            r.add(Execute::new("go", ["go"]).notifies(CompositeAction::Run, again, Immediately));
            Ok(())
        }
    }
    let run = compiled(|r| r.compose(Round).map(|_| ())).unwrap();
    let (_, _, outcome) = converged(&run, &mut Fake::new());
    assert!(outcome.unwrap_err().to_string().contains("round in a circle"));
}

#[test]
fn parts_are_named_only_by_each_other() {
    let run = compiled(|r| {
        r.compose(Pair { second: "-", inner: true })?;
        r.add(File::at("/one").content("another"));
        let part = Id::<Execute>::named("between");
        r.add(Execute::new("x", ["x"]).subscribes(execute::Run, part, Delayed));
        Ok(())
    });
    let Err(Error::Faults(faults)) = run else { panic!("it compiled") };
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].to_string().contains("it is a part of pair[inner]"), "{}", faults[0]);
}

#[test]
fn a_composite_without_its_parts_is_a_fault() {
    let run = compiled(|r| {
        r.add(Composed::of(Pair { second: "-", inner: true }));
        Ok(())
    });
    let Err(Error::Faults(faults)) = run else { panic!("it compiled") };
    assert!(faults[0].to_string().contains("r.compose"), "{}", faults[0]);
}

#[test]
fn a_delayed_action_is_taken_in_any_case() {
    let run = compiled(|r| {
        r.add(Execute::new("end", ["end"]).nothing().delayed_action(execute::Run));
        r.add(File::at("/one").content("1"));
        Ok(())
    });
    let (lines, owed, _) = converged(&run.unwrap(), &mut Fake::new());
    assert_eq!(lines, ["file[/one] create changed", "execute[end] run changed"]);
    assert_eq!(owed, BTreeMap::new());
}

#[test]
fn a_plain_guard_whose_command_is_not_there_fails() {
    let run = compiled(|r| {
        r.add(File::at("/one").content("1").only_if("no-such-command --at all"));
        r.add(File::at("/two").content("2").only_if("no-such-command | cat"));
        Ok(())
    });
    let run = run.unwrap();
    let fake =
        || Fake::new().with_answer("no-such-command --at all", 127, "").with_answer("no-such-command | cat", 127, "");
    let (lines, _, outcome) = converged(&run, &mut fake());
    assert_eq!(lines, ["file[/one] create failed"]);
    assert!(outcome.unwrap_err().to_string().contains("there is no command `no-such-command`"));
}

#[test]
fn resources_of_one_name_share_their_notices() {
    fn second(r: &mut Recipe) -> Result<()> {
        r.add(Execute::new("make", ["make"]));
        Ok(())
    }
    let run = compiled(|r| {
        r.add(Execute::new("end", ["end"]).nothing());
        let kept = exists("/never");
        r.add(Execute::new("make", ["make"]).only_if(kept).notifies(
            execute::Run,
            Id::<Execute>::named("end"),
            Immediately,
        ));
        r.include(second)
    });
    let (lines, _, _) = converged(&run.unwrap(), &mut Fake::new());
    assert_eq!(lines, ["execute[make] run skipped", "execute[make] run changed", "execute[end] run changed"]);
}

#[test]
fn what_is_asked_for_again_after_it_was_done_is_not_owed() {
    let run = compiled(|r| {
        let (a, b) = (Id::<Execute>::named("a"), Id::<Execute>::named("b"));
        r.add(File::at("/one").content("1").notifies(execute::Run, b, Delayed).notifies(execute::Run, a, Delayed));
        r.add(Execute::new("a", ["a"]).nothing().notifies(execute::Run, b, Delayed));
        r.add(Execute::new("b", ["b"]).nothing());
        Ok(())
    });
    let (lines, owed, _) = converged(&run.unwrap(), &mut Fake::new());
    assert_eq!(lines, ["file[/one] create changed", "execute[b] run changed", "execute[a] run changed"]);
    assert_eq!(owed, BTreeMap::new());
}

#[test]
fn what_asks_for_itself_is_done_once_more_and_not_owed() {
    let run = compiled(|r| {
        let again = Id::<Execute>::named("a");
        r.add(Execute::new("a", ["a"]).notifies(execute::Run, again, Delayed));
        Ok(())
    });
    let (lines, owed, _) = converged(&run.unwrap(), &mut Fake::new());
    assert_eq!(lines, ["execute[a] run changed", "execute[a] run changed"]);
    assert_eq!(owed, BTreeMap::new());
}

#[test]
fn what_is_asked_for_at_once_and_later_is_owed_by_nobody_in_the_end() {
    let run = compiled(|r| {
        let a = Id::<Execute>::named("a");
        r.add(File::at("/one").content("1").notifies(execute::Run, a, Immediately).notifies(execute::Run, a, Delayed));
        r.add(Execute::new("a", ["a"]).nothing());
        Ok(())
    });
    let (lines, owed, _) = converged(&run.unwrap(), &mut Fake::new());
    assert_eq!(lines, ["file[/one] create changed", "execute[a] run changed", "execute[a] run changed"]);
    assert_eq!(owed, BTreeMap::new());
}

#[test]
fn what_failed_at_the_end_stays_owed_whoever_asks_again() {
    let run = compiled(|r| {
        let (a, b) = (Id::<Execute>::named("a"), Id::<Execute>::named("b"));
        r.add(File::at("/one").content("1").notifies(execute::Run, b, Delayed).notifies(execute::Run, a, Delayed));
        r.add(Execute::new("a", ["a"]).nothing().notifies(execute::Run, b, Delayed));
        r.add(Execute::new("b", ["broken"]).nothing());
        Ok(())
    });
    let (_, owed, outcome) = converged(&run.unwrap(), &mut Fake::new().with_answer("broken", 1, ""));
    assert!(outcome.is_err());
    assert_eq!(owed.keys().collect::<Vec<_>>(), ["execute[a] to run execute[b]", "file[/one] to run execute[b]"]);
}

#[test]
fn what_another_run_list_owes_is_kept_for_it() {
    let run = compiled(|r| {
        r.add(Execute::new("here", ["here"]).nothing());
        Ok(())
    });
    let run = run.unwrap();
    let debt = |to: &str, run_list: &[&str]| Debt {
        by: format!("file[{to}]"),
        to: format!("execute[{to}]"),
        action: "run".into(),
        run_list: run_list.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(run.wanted(), ["test"]);
    let owed = vec![debt("here", &["other"]), debt("elsewhere", &["other"]), debt("gone", &["test"]), debt("old", &[])];
    let (lines, owed, _) = converged_owing(&run, &mut Fake::new(), owed);
    let expected = [
        "taken over execute[here]",
        "kept execute[elsewhere]",
        "dropped execute[gone]",
        "dropped execute[old]",
        "execute[here] run changed",
    ];
    assert_eq!(lines, expected);
    assert_eq!(owed.into_iter().collect::<Vec<_>>(), [("file[elsewhere] to run execute[elsewhere]".to_owned(), 1)]);
}

#[test]
fn a_directory_that_was_made_for_something_refused_goes_again() {
    let drop_in = |r: &mut Recipe| {
        let unit = SystemdUnit::named("x.service").drop_in("x.conf").content("[Unit]\n").action(systemd_unit::Create);
        let late = r.add(Execute::new("late", ["late"]).nothing());
        r.add(unit.notifies(execute::Run, late, Delayed));
        Ok(())
    };
    let directory = "/etc/systemd/system/x.service.d";
    let mut fake = Fake::new().with_directory("/etc/systemd/system").with_read_only(format!("{directory}/x.conf"));
    let before = fake.clone();
    let (lines, owed, outcome) = converged(&compiled(drop_in).unwrap(), &mut fake);
    assert_eq!(lines, ["systemd_unit[x.service.d/x.conf] create failed"]);
    assert!(outcome.is_err() && owed.is_empty() && fake.differences(&before).is_empty());
}

#[test]
fn what_is_asked_of_one_package_twice_is_asked_one_after_the_other() {
    let run = compiled(|r| {
        r.add(Package::named("old").package_name(["tool"]).version(["1.0"]));
        r.add(Package::named("other"));
        r.add(Package::named("new").package_name(["tool"]).action(package::Upgrade));
        Ok(())
    })
    .unwrap();
    let mut fake = Fake::new().with_candidate("tool", "1.0").with_candidate("tool", "2.0").with_candidate("other", "1");
    let (lines, _, ended) = converged(&run, &mut fake);
    ended.unwrap();
    assert_eq!(
        lines,
        ["package[old] install changed", "package[other] install changed", "package[new] upgrade changed"]
    );
}
