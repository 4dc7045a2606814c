//! Slips that rustc finds, each with what it says.
#[test]
fn slips_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
