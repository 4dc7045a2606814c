//! Links the static program without tables for unwinding: see docs/decisions/0009-release-profile.md.
#![allow(clippy::disallowed_methods, reason = "cargo speaks to a build script by its environment")]

use std::env;

fn main() {
    let script = "packaging/without-unwinding.ld";
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={script}");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|set| set == value);
    if is("CARGO_CFG_TARGET_ENV", "musl") && is("PROFILE", "release") {
        let here = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
        for target in ["bins", "examples"] {
            println!("cargo::rustc-link-arg-{target}=-Wl,-T,{here}/{script}");
            println!("cargo::rustc-link-arg-{target}=-Wl,--no-eh-frame-hdr");
        }
    }
}
