//! The stock binary: what a third party writes for its own cookbooks.
use std::process::ExitCode;

fn main() -> ExitCode {
    brasa_cli::run([build_essential::cookbook(), gems::cookbook(), bind::cookbook(), dnsutils::cookbook()])
}
