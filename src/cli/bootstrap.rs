//! `brasa bootstrap`: a machine that is there already is converged over SSH.
use brasa::values::Digest;

use super::{Code, Failure, Output, arguments, complain, logging, server::pairs};
use crate::server::{
    bootstrap::{self, Load},
    record::Records,
    ssh::{Ssh, check_host},
    steps::Steps,
};

/// Puts this program on the machine and converges it; the exit code is that of the run there.
pub fn bootstrap(options: &arguments::Bootstrap, output: &Output) -> Result<Code, Failure> {
    logging::start(output.log_level, output.log_file.as_deref())?;
    let (files, keys) = (pairs(&options.files)?, pairs(&options.keys)?);
    check_host(&options.host)?;
    let load = Load {
        dna: &options.json_attributes,
        solo: options.config.as_deref(),
        binary: options.binary.as_deref(),
        files: &files,
        keys: &keys,
    };
    load.check()?;
    let records = Records::open(None)?;
    brasa::host::disk::create_private_dirs(records.directory())?;
    let id = Digest::of(options.host.as_bytes()).to_string();
    let ssh = Ssh::of(&options.host, options.port, records.directory(), &id);
    let steps = Steps::of(&options.host, output.quiet, complain);
    let done = (|| {
        ssh.run("true", "logging in")?;
        steps.done("SSH answers");
        let sha = load.upload(&ssh, &|what| steps.say(what))?;
        steps.done("uploaded");
        let converging = options.remote.converging(output);
        bootstrap::run(&ssh, &sha, &converging.arguments, converging.output)
    })();
    ssh.close();
    let code = done?;
    match code {
        0 | 2 | 35 => steps.say(&format!("converged ({:.1} s in all)", steps.seconds())),
        code => steps.warn(&format!("the run there ended with {code}")),
    }
    Ok(Code::Of(code))
}
