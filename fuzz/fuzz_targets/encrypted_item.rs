//! No bytes may panic the reader of encrypted items, it refuses nothing without a place, and what it reads it can write.
#![no_main]

use std::{path::Path, sync::Arc};

use brasa::node::{
    Item,
    data_bags::{ItemSecret, encrypted},
    json::Document,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::parse(Path::new("item.json"), bytes.to_vec()) else { return };
    let secret = ItemSecret::of_file(b"correct horse battery staple").expect("there is text");
    let open = |document| Item::open(Arc::new(document), &|| Ok(secret.clone()), 0);
    match open(document) {
        Err(faults) => assert!(!faults.is_empty() && faults.iter().all(|fault| fault.place.is_some())),
        Ok(item) => {
            let fields = item.value().as_object().expect("an item is an object");
            let sealed =
                encrypted::seal_item(fields, &secret, || Ok::<_, ()>([0; encrypted::NONCE])).expect("nonces are there");
            let document =
                Document::parse(Path::new("item.json"), sealed.to_string().into_bytes()).expect("it is JSON");
            assert_eq!(open(document).expect("it was just encrypted").id(), item.id());
        }
    }
});
