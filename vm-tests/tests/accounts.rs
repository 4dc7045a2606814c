//! Accounts with shadow's real tools: memberships and the end of an account, made, repaired and taken back.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, DEBIAN, Output, Result};

const RECIPE: &str = "/etc/brasa/cookbooks/site/recipes/default.yml";

fn converge(machine: &Container, resources: &str) -> Output {
    machine.write(RECIPE, format!("resources:\n{resources}"));
    machine.run(["brasa", "converge", "--detailed-exitcode"])
}

#[test]
fn an_account_has_its_groups_and_its_end() -> Result<()> {
    let machine = Container::of(lab::root(DEBIAN)?).brasa(lab::binary()?).start()?;
    machine.write("/etc/brasa/solo.rb", "cookbook_path '/etc/brasa/cookbooks'\n");
    machine.write("/etc/brasa/dna.json", r#"{"run_list": ["site"]}"#);
    machine.write("/etc/brasa/cookbooks/site/metadata.json", r#"{"name": "site", "version": "1.0.0"}"#);
    let files = || machine.sh("cat /etc/passwd /etc/group /etc/shadow | sort").success().stdout;
    let groups = || machine.run(["id", "-nG", "ana"]).success().stdout;
    let ends = || machine.sh("getent shadow ana | cut -d: -f7,8").success().stdout;
    let before = files();

    let ana = "- {type: user, name: ana, groups: [staff, adm], expire_date: 2027-03-31, inactive: 30}\n";
    converge(&machine, ana).exits(2);
    converge(&machine, ana).success();
    assert_eq!(groups(), "ana adm staff\n");
    assert_eq!(ends(), "30:20908\n", "days since 1970");
    assert!(machine.run(["chage", "-l", "ana"]).success().stdout.contains("Mar 31, 2027"));
    let described = machine.run(["brasa", "resource", "user", "ana"]).success().stdout;
    assert!(
        described.contains("    expire_date: \"2027-03-31\"\n    inactive: 30\n    groups: [adm, staff]\n"),
        "{described}"
    );

    // Drift of each part is repaired.
    machine.sh("gpasswd -d ana staff; gpasswd -a ana sudo; usermod -e '' -f -1 ana").success();
    assert_eq!(ends(), ":\n");
    converge(&machine, ana).exits(2);
    assert_eq!((groups().as_str(), ends().as_str()), ("ana adm staff\n", "30:20908\n"));
    let more = "- {type: user, name: ana, groups: [sudo], append: true, expire_date: never, inactive: never}\n";
    converge(&machine, more).exits(2);
    converge(&machine, more).success();
    assert_eq!((groups().as_str(), ends().as_str()), ("ana adm sudo staff\n", ":\n"));
    let missing = converge(&machine, "- {type: user, name: ana, groups: [nowhere]}\n").exits(1);
    assert!(missing.stderr.contains("group `nowhere` does not exist: `ana` is to be a member of it"), "{missing}");

    let history = machine.run(["brasa", "history", "--format", "json"]).success().stdout;
    // A run that changed nothing has no number to be taken back by.
    let runs: Vec<_> = history.split("\"run\": \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(runs.len(), 3, "{history}");
    for run in runs.iter().rev() {
        machine.run(["brasa", "undo", run]).success();
    }
    assert_eq!(files(), before);
    Ok(())
}
