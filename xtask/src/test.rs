//! `cargo xtask test`: everything that has to hold, from an empty machine with Rust on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::{self, JoinHandle};

use crate::Failure;
use crate::steps::{cargo, show, step};

/// The target of the program as it is shipped.
pub const TARGET: &str = "x86_64-unknown-linux-musl";

/// The most that the static binary may weigh, in bytes.
pub const SIZE_LIMIT: u64 = 8 * 1024 * 1024;

pub fn run(arguments: &[&str]) -> Result<ExitCode, Failure> {
    let fast = arguments.contains(&"--fast");
    let filters: Vec<&str> = arguments.iter().copied().filter(|word| *word != "--fast").collect();
    if let Some(option) = filters.iter().find(|word| word.starts_with('-')) {
        return Err(format!("unknown option `{option}`: see `cargo xtask help`"));
    }
    if filters.len() > 1 {
        return Err(format!("one filter at most, not {}", filters.len()));
    }
    if !fast {
        // Before the slow part, and once for all scenarios instead of in each of them.
        lab::require_root("`cargo xtask test`").map_err(|error| error.to_string())?;
    }
    step("what the tests need", || install(fast))?;
    let ahead = (!fast).then(|| Ahead::start(filters.is_empty()));
    step("format", || show(&mut cargo(&["fmt", "--all", "--check"])))?;
    step("lints", || {
        show(&mut cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
    })?;
    step("reference pages", crate::docs::check)?;
    let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
    if fast {
        tests.args(["--exclude", "vm-tests"]);
    }
    if let Some(ahead) = ahead {
        step("the tests themselves", || show(&mut cargo(&["test", "--workspace", "--no-run", "--quiet"])))?;
        let binary = step("the static binary", || ahead.binary())?;
        step("the static binary in an empty root", || runs_alone(&binary))?;
        tests.env("BRASA_BINARY", binary);
    }
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        // Scenarios wait as much as they compute.
        let threads = thread::available_parallelism().map_or(1, usize::from) + 1;
        tests.env("RUST_TEST_THREADS", threads.to_string());
    }
    if filters.is_empty() && !fast {
        forget_tested()?;
        tests.env("BRASA_WHOLE_SUITE", "1");
    }
    tests.args(filters);
    step("tests", || show(&mut tests))?;
    Ok(ExitCode::SUCCESS)
}

/// What takes minutes and leaves a core idle: linking the program, and fetching what base systems are made of. Both go on while
/// the rest is checked and compiled; cargo's locks are per profile, so neither waits for the other.
struct Ahead {
    binary: JoinHandle<Result<PathBuf, Failure>>,
}

impl Ahead {
    fn start(bases: bool) -> Self {
        let binary = thread::spawn(|| build_by(&["--quiet"]));
        if bases {
            // Nobody waits for it: a scenario that comes to a base first makes it itself, and one that fails is told there.
            thread::spawn(|| {
                for base in [lab::DEBIAN, lab::EL9, lab::FEDORA, lab::DEBIAN13, lab::SYSTEM, lab::KERNEL, lab::CLOUD] {
                    drop(lab::root(base));
                }
                drop(lab::clouds::installed());
                drop((lab::deb_repo(), lab::rpm_repo(), lab::article_repo()));
            });
        }
        Self { binary }
    }

    fn binary(self) -> Result<PathBuf, Failure> {
        self.binary.join().unwrap_or_else(|_| Err("the build ended in a panic".to_owned()))
    }
}

/// Has the scenarios note anew what they change on real systems.
fn forget_tested() -> Result<(), Failure> {
    let directory = lab::tested::directory().map_err(|error| error.to_string())?;
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot empty `{}`: {error}", directory.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A C compiler for the parts of dependencies that are C, and the static target.
pub fn install(fast: bool) -> Result<(), Failure> {
    lab::need(&[("cc", "gcc")]).map_err(|error| error.to_string())?;
    if fast {
        return Ok(());
    }
    lab::need(&[("musl-gcc", "musl-tools"), ("chroot", "coreutils")]).map_err(|error| error.to_string())?;
    let mut library = Command::new("rustc");
    library.args(["--print", "target-libdir", "--target", TARGET]).current_dir(lab::workspace());
    let library = lab::call("find the static target", &mut library).map_err(|error| error.to_string())?;
    if Path::new(library.trim_end()).is_dir() {
        return Ok(());
    }
    show(Command::new("rustup").args(["target", "add", TARGET]).current_dir(lab::workspace()))
}

/// Builds the program as it is shipped, and holds it to its promises: static, and small.
pub fn build() -> Result<PathBuf, Failure> {
    build_by(&[])
}

fn build_by(options: &[&str]) -> Result<PathBuf, Failure> {
    let arguments = ["build", "--release", "--target", TARGET, "--package", "brasa-cli", "--bin", "brasa"];
    show(cargo(&arguments).args(options))?;
    let target = lab::target_directory().map_err(|error| error.to_string())?;
    let binary = target.join(TARGET).join("release/brasa");
    let content = fs::read(&binary).map_err(|error| format!("cannot read `{}`: {error}", binary.display()))?;
    if let Some(loader) = interpreter(&content) {
        return Err(format!("`{}` is not static: it asks for the loader `{loader}`", binary.display()));
    }
    let size = content.len() as u64;
    let megabytes = size as f64 / 1024.0 / 1024.0;
    if size > SIZE_LIMIT {
        return Err(format!("`{}` weighs {megabytes:.2} MB, more than 8 MB", binary.display()));
    }
    eprintln!("    {} {megabytes:.2} MB, static", binary.display());
    Ok(binary)
}

/// The loader that a 64-bit ELF program asks for; none if it is static.
/// Source: elf(5), the program header of type PT_INTERP.
fn interpreter(file: &[u8]) -> Option<String> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, width: usize| -> Option<u64> {
        let bytes = file.get(at..at + width)?;
        Some(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    };
    let place = |at: usize, width: usize| usize::try_from(number(at, width)?).ok();
    let (table, size, count) = (place(32, 8)?, place(54, 2)?, place(56, 2)?);
    (0..count).map(|index| table + index * size).find_map(|header| {
        if number(header, 4)? != PT_INTERP {
            return None;
        }
        let (start, length) = (place(header + 8, 8)?, place(header + 32, 8)?);
        let name = file.get(start..start + length)?;
        Some(String::from_utf8_lossy(name).trim_end_matches('\0').to_owned())
    })
}

/// Runs the program where there is nothing but itself.
fn runs_alone(binary: &Path) -> Result<(), Failure> {
    let target = lab::target_directory().map_err(|error| error.to_string())?;
    let root = target.join("empty-root");
    let prepare = || {
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        fs::create_dir_all(&root)?;
        fs::copy(binary, root.join("brasa"))?;
        fs::write(root.join("dna.json"), "{\"run_list\": []}\n")
    };
    prepare().map_err(|error| format!("cannot prepare `{}`: {error}", root.display()))?;
    let chroot = lab::find("chroot").ok_or("there is no `chroot` on this machine")?;
    let inside = |words: &[&str]| {
        let mut chroot = Command::new(&chroot);
        chroot.arg(&root).args(words).env_clear();
        lab::call("run the program in an empty root", &mut chroot).map_err(|error| error.to_string())
    };
    let version = inside(&["/brasa", "--version"])?;
    if !version.starts_with("brasa ") {
        return Err(format!("`brasa --version` says `{}`, not `brasa VERSION`", version.trim_end()));
    }
    inside(&["/brasa", "converge", "-j", "/dna.json"])?;
    eprintln!("    {}", version.trim_end());
    fs::remove_dir_all(&root).map_err(|error| format!("cannot remove `{}`: {error}", root.display()))
}

#[cfg(test)]
mod tests {
    use super::interpreter;

    #[test]
    fn a_dynamic_program_names_its_loader() {
        // This test's own binary is linked to the system's C library.
        let ourselves = std::fs::read("/proc/self/exe").expect("a process can read its own program");
        let loader = interpreter(&ourselves);
        assert!(loader.as_deref().is_some_and(|loader| loader.starts_with("/lib")), "{loader:?}");
    }

    #[test]
    fn what_is_no_program_names_none() {
        assert_eq!(interpreter(b""), None);
        assert_eq!(interpreter(&[0; 64]), None);
    }
}
