//! `userdata completions` and `userdata man`: made from the definition of the arguments.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::manual;
use crate::output::Output;
use crate::status::Status;

pub(crate) fn completions(shell: Shell, output: Output) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "userdata", &mut script);
    output.write(&script)?;
    Ok(Status::Done)
}

pub(crate) fn man(output: Output) -> Result<Status, Failure> {
    let page = manual::page(Arguments::command()).map_err(Failure::io("make the manual page"))?;
    output.write(&page)?;
    Ok(Status::Done)
}
