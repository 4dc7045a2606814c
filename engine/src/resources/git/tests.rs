use super::{Checkout, Export, Git, Sync};
use crate::{
    host::{Fake, Op},
    resource::{Step, prepare, step},
    resources::trial::{done, faults, faults_of, refused},
};

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";
const URL: &str = "https://git.example.com/app.git";

fn app() -> Git {
    Git::at("/srv/app").repository(URL)
}

fn directory(path: &str) -> Op {
    Op::Mkdir { path: path.into(), mode: 0o755.into(), owner: "root".into(), group: "root".into() }
}

/// A machine on which the repository has a branch, a tag, and nothing else.
fn machine() -> Fake {
    let asked =
        |name: &str| format!("git ls-remote -- {URL} 'refs/tags/{name}^{{}}' refs/tags/{name} refs/heads/{name}");
    Fake::new()
        .with_directory("/srv")
        .with_answer(asked("main"), 0, format!("{NEW}\trefs/heads/main\n"))
        .with_answer(asked("v1"), 0, format!("{OLD}\trefs/tags/v1\n{NEW}\trefs/tags/v1^{{}}\n"))
        .with_answer(asked("none"), 0, "")
        .with_answer(
            "git -C /srv/app config --get-regexp '^remote\\..*\\.url$'",
            0,
            format!("remote.origin.url {URL}\n"),
        )
        .with_answer("git -C /srv/app status --porcelain --untracked-files=no", 0, "")
}

fn clone_at(commit: &str, branch: &str) -> Fake {
    machine()
        .with_directory("/srv/app/.git")
        .with_answer("git -C /srv/app rev-parse -q --verify HEAD", 0, format!("{commit}\n"))
        .with_answer(
            "git -C /srv/app symbolic-ref -q --short HEAD",
            i32::from(branch.is_empty()),
            format!("{branch}\n"),
        )
}

fn own_work(branch: &str, found: &str) -> (String, i32, String) {
    let branch = if branch.is_empty() { String::new() } else { format!(" refs/heads/{branch}") };
    let asked = "git -C /srv/app rev-list --max-count=1 --ignore-missing HEAD";
    (format!("{asked}{branch} --not --remotes --tags refs/brasa/deployed"), 0, found.to_owned())
}

fn planned(git: &Git, machine: &Fake) -> Vec<String> {
    let pending = prepare(git, Sync, false, machine).unwrap();
    let operations = pending.iter().flat_map(|pending| pending.operations());
    operations.map(|op| if let Op::Run(command) = op { command.to_string() } else { format!("{op:?}") }).collect()
}

#[test]
fn where_nothing_is_a_clone_is_made_of_what_the_repository_has() {
    let cloned = "git clone -q -o origin --branch main -- https://git.example.com/app.git /srv/app";
    let there = clone_at(NEW, "main");
    let mut machine = machine()
        .with_effect(cloned, [directory("/srv/app"), directory("/srv/app/.git")])
        .with_answer("git -C /srv/app rev-parse -q --verify HEAD", 0, NEW)
        .with_answer("git -C /srv/app symbolic-ref -q --short HEAD", 0, "main");
    let git = app().revision("main");
    assert_eq!(
        planned(&git, &machine),
        [
            cloned.to_owned(),
            format!("git -C /srv/app checkout -q -B main {NEW} --"),
            "git -C /srv/app branch -q --set-upstream-to=origin/main main".to_owned(),
            format!("git -C /srv/app update-ref refs/brasa/deployed {NEW}"),
        ]
    );
    assert!(matches!(step(&git, Sync, &mut machine), Ok(Step::Changed(_))));
    assert_eq!(step(&git, Sync, &mut machine).unwrap(), Step::UpToDate);
    assert_eq!(planned(&app().revision("main"), &there), [""; 0]);
    // A commit takes no network.
    assert_eq!(planned(&app().revision(NEW).checkout_branch("main"), &there), [""; 0]);
    assert_eq!(done(&app(), Checkout, &mut there.clone()), [""; 0]);
}

#[test]
fn a_clone_follows_its_revision() {
    let (asked, code, said) = own_work("", "");
    let there = clone_at(OLD, "").with_answer(asked, code, said);
    assert_eq!(
        planned(&app().revision("v1").depth(1_u32), &there),
        [
            "git -C /srv/app fetch -q --force --prune --tags --depth 1 origin '+refs/heads/*:refs/remotes/origin/*'"
                .to_owned(),
            format!("git -C /srv/app checkout -q --detach {NEW} --"),
            format!("git -C /srv/app update-ref refs/brasa/deployed {NEW}"),
        ]
    );
    let moved = Git::at("/srv/app").repository("https://other/app.git").revision(OLD).additional_remotes([("b", "u")]);
    assert_eq!(
        planned(&moved, &there),
        [
            "git -C /srv/app remote add -- b u",
            "git -C /srv/app config --replace-all remote.origin.url https://other/app.git"
        ]
    );
}

#[test]
fn what_is_only_in_the_clone_is_not_thrown_away() {
    let git = || app().revision("main");
    let changed = clone_at(OLD, "main").with_answer(
        "git -C /srv/app status --porcelain --untracked-files=no",
        0,
        " M conf/app.yml\nM  b\nD  c\n",
    );
    assert_eq!(
        refused(&git(), Sync, &mut changed.clone()),
        "somebody changed `conf/app.yml` and 2 more in the clone `/srv/app`\n\
         hint: commit and push it, or set `force` to have it thrown away"
    );
    let (asked, code, said) = own_work("main", OLD);
    let mut committed = clone_at(OLD, "main").with_answer(asked, code, said);
    assert_eq!(
        refused(&git(), Sync, &mut committed),
        format!("commit `{OLD}` is only in the clone `/srv/app`\nhint: push it, or set `force` to have it thrown away")
    );
    assert!(planned(&git().force(true), &changed)[1].starts_with("git -C /srv/app checkout -q --force -B main"));
    // Nothing is to be put in place: nobody's work is in danger.
    assert_eq!(planned(&app().revision(OLD).checkout_branch("main"), &changed), [""; 0]);
}

#[test]
fn credentials_are_told_to_git_alone() {
    let git = Git::at("/srv/app").repository("https://me:canary@git.example.com/app.git").revision("v1");
    let machine = machine();
    let pending = prepare(&git, Sync, false, &machine).unwrap().unwrap();
    let [Op::Run(clone), ..] = pending.operations() else { panic!() };
    assert_eq!(clone.argv[clone.argv.len() - 2..], [URL, "/srv/app"]);
    assert_eq!(clone.environment["GIT_CONFIG_KEY_0"], "url.https://me:canary@git.example.com/app.git.insteadOf");
    let shown = format!("{clone}");
    assert!(shown.starts_with("git clone -q -o origin --branch v1 -- https://git.example.com/app.git"), "{shown}");
    assert_eq!(clone.without_secrets("no access for me:canary or canary"), "no access for (sensitive) or (sensitive)");
    let told = serde_json::to_string(&pending.into_changed()).unwrap();
    assert!(!told.contains("canary"), "{told}");
    let none = Git::at("/srv/app").repository("https://me:canary@git.example.com/app.git").revision("none");
    assert_eq!(
        refused(&none, Sync, &mut machine.clone()),
        "`https://(sensitive)@git.example.com/app.git` has no branch or tag `none`\n\
         hint: a branch is named without `origin/`, a commit by all its 40 digits"
    );
}

#[test]
fn what_of_credentials_is_secret() {
    assert_eq!(super::secrets("me:can%40ary"), ["me:can%40ary", "me:can@ary", "can%40ary", "can@ary"]);
    assert_eq!(super::secrets("token"), ["token", "token", "token", "token"]);
    assert_eq!(crate::resources::git_address::meant("%4x%"), "%4x%");
}

#[test]
fn an_export_is_made_once_and_has_no_repository() {
    let ops = {
        let machine = machine();
        let git = app().revision("v1");
        let pending = prepare(&git, Export, false, &machine).unwrap().unwrap();
        pending.operations().len()
    };
    assert_eq!(ops, 5);
    // Of one that was cut off, what is half is thrown away, and what was whole is moved on.
    let left = machine().with_directory("/srv/.app.brasa-export/.git");
    let git = app().revision("v1");
    let pending = prepare(&git, Export, false, &left).unwrap().unwrap();
    let Op::Run(first) = &pending.operations()[0] else { panic!() };
    assert_eq!((first.to_string().as_str(), pending.operations().len()), ("rm -rf -- /srv/.app.brasa-export", 6));
    let moved = machine().with_file("/srv/app/a", "").with_file("/srv/.app.brasa-export/b", "");
    let pending = prepare(&git, Export, false, &moved).unwrap().unwrap();
    let [Op::Run(only)] = pending.operations() else { panic!() };
    assert!(only.to_string().ends_with("fill /srv/.app.brasa-export /srv/app"), "{only}");
    assert_eq!(done(&app(), Export, &mut machine().with_file("/srv/app/x", "")), [""; 0]);
    assert_eq!(
        refused(&app(), Export, &mut clone_at(OLD, "")),
        "`/srv/app` is a clone, and `export` makes a directory that is none\n\
         hint: remove it first, or use the action `sync`"
    );
}

#[test]
fn what_git_cannot_do_is_said_in_words() {
    assert_eq!(
        refused(&app(), Sync, &mut machine().with_file("/srv/app/x", "")),
        "`/srv/app` is not empty and no clone of git\nhint: remove what is there, or choose another path"
    );
    let asked = format!("git ls-remote -- {URL} HEAD");
    assert_eq!(
        refused(&app(), Sync, &mut machine().with_answer(asked, 127, "")),
        "there is no program `git` here\nhint: declare the package `git` before it"
    );
    let anothers = clone_at(OLD, "").with_user("deploy", 1000);
    assert_eq!(
        refused(&app().user("deploy"), Sync, &mut anothers.clone()),
        "the clone `/srv/app` belongs to `root`, and git would run as `deploy`\n\
         hint: set `user` to `root`, or give the clone to `deploy`"
    );
    assert!(refused(&Git::at("/srv/x/y").repository(URL).revision(OLD), Sync, &mut machine()).contains("/srv/x"));
}

#[test]
fn bad_declarations_are_found_without_a_machine() {
    assert_eq!(faults(&app().revision("feature/x").depth(1_u32)), [""; 0]);
    assert_eq!(
        faults(&Git::at("/srv/app").revision("origin/main").remote("-x").depth(0_u32)),
        [
            "remote `-x` is no name that git takes",
            "revision `origin/main` is how a clone calls it\nhint: write `main`, as the repository calls it",
            "a depth of 0 has no commit\nhint: leave it out to have the whole history",
        ]
    );
    assert_eq!(
        faults_of(&Git::at("/srv/app"), Sync),
        ["it has no repository\nhint: say with `repository` which one to clone"]
    );
    for bad in ["--upload-pack=x", "a b", "a..b", "a~1"] {
        assert_eq!(faults(&app().revision(bad)).len(), 1, "{bad}");
    }
    assert_eq!(faults(&Git::at("/srv/app").repository("--upload-pack=x")).len(), 1);
}
