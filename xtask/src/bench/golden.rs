//! How much of chef-solo brasa is: golden cases passed of all, group by group, and files of settings read, level by level.

use std::process::Stdio;

use crate::Failure;
use crate::steps::{cargo, step};

/// The tests that print their figures, as cargo is asked for them.
const TESTS: [&[&str]; 3] = [
    &["--package", "brasa-cli", "--test", "golden_*"],
    &["--package", "brasa-cli", "--test", "solo_rb", "every_level_is_read"],
    &["--package", "brasa", "--lib", "recipe::data::search"],
];

pub fn run() -> Result<(), Failure> {
    let mut lines = Vec::new();
    let mut failed = false;
    step("golden cases", || {
        for tests in TESTS {
            let mut test = cargo(&["test", "--quiet", "--no-fail-fast"]);
            test.args(tests).args(["--", "--nocapture", "--test-threads=1"]).stdin(Stdio::null());
            let output =
                test.stderr(Stdio::inherit()).output().map_err(|error| format!("cannot start cargo: {error}"))?;
            failed |= !output.status.success();
            lines.extend(String::from_utf8_lossy(&output.stdout).lines().filter_map(figure));
        }
        Ok(())
    })?;
    lines.sort();
    println!("{:<62} {:>6} {:>6}", "as chef-solo", "passed", "all");
    for (group, passed, all) in &lines {
        println!("{group:<62} {passed:>6} {all:>6}");
    }
    let sum = |part: &str| -> (usize, usize) {
        let of_part = lines.iter().filter(|(group, ..)| group.starts_with("solo.rb/") == (part == "solo.rb"));
        of_part.fold((0, 0), |(passed, all), (_, more, of)| (passed + more, all + of))
    };
    for (part, name) in [("golden", "golden cases"), ("solo.rb", "solo.rb, levels A to E")] {
        let (passed, all) = sum(part);
        println!("{name:<62} {passed:>6} {all:>6}");
    }
    if failed { Err("a golden case differs without a reason: the tests above say which".to_owned()) } else { Ok(()) }
}

/// `golden GROUP: PASSED of ALL`, taken apart. The test runner may have written its own words before it.
fn figure(line: &str) -> Option<(String, usize, usize)> {
    let (_, line) = line.split_once("golden ")?;
    let (group, figures) = line.rsplit_once(": ")?;
    let (passed, all) = figures.split_once(" of ")?;
    Some((group.to_owned(), passed.parse().ok()?, all.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn a_line_of_a_test_is_read() {
        assert_eq!(figure("golden expand/roles: 11 of 12"), Some(("expand/roles".to_owned(), 11, 12)));
        assert_eq!(figure("test it ... golden solo.rb/A (a: b): 1 of 1"), Some(("solo.rb/A (a: b)".to_owned(), 1, 1)));
        assert_eq!(figure("running 3 tests"), None);
        assert_eq!(figure("golden: nothing"), None);
    }
}
