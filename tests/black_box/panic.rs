//! A mistake in a cookbook: said, with an exit code that is documented, and put right by the next run.
use serde_json::json;

use crate::kitchen::Kitchen;

#[test]
fn a_panic_is_told_and_the_next_run_goes_on() {
    let kitchen = |recipe: &str| {
        json!({
            "run_list": [format!("kitchen::{recipe}")],
            "kitchen": {"files": [{"path": "ROOT/srv/dish", "content": "soup\n"}]}
        })
    };
    let place = Kitchen::with(kitchen("panic"));
    let ran = place.converge().code(1);
    let told = "error: a mistake in the program or a cookbook, at examples/kitchen.rs:PLACE: the cook fell asleep\nhint: tell its authors; ";
    assert!(ran.stderr.starts_with(told), "{}", ran.whole());
    assert_eq!(place.text("srv/dish").as_deref(), Some("soup\n"));
    place.order(kitchen("files"));
    let next = place.converge().code(0);
    assert!(next.whole().contains("0 changed, 1 up to date"), "{}", next.whole());
    place.call(&["history", "-c", "ROOT/solo.rb", "--state-dir", "ROOT/state"]).code(0);
}
