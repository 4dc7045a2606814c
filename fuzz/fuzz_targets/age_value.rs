//! No text may panic the reader of values encrypted with age or that of identities.
#![no_main]

use brasa::{
    host::Fake,
    node::age::{Form, Identities, Source},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut identities = Identities::default();
    identities
        .pretend("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX")
        .expect("it is one");
    let sealed = serde_json::json!({ "age": text });
    if let Err(faults) = identities.open(&sealed) {
        assert!(!faults.is_empty());
    }
    let machine = Fake::debian("12").with_file("/keys", text);
    for form in [Form::Lines, Form::Variables] {
        let source = Source { path: "/keys".into(), form, named_by: "test".to_owned(), named_at: None, required: true };
        assert!(Identities::new(&machine, vec![source]).open(&sealed).is_err() || !text.is_empty());
    }
});
