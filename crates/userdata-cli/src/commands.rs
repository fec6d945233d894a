//! The commands, one file each, and how one of them is run.

mod census;
mod destroy;
mod destroy_all;
mod generate;
mod list;
mod registry;
mod remove;
mod retrieve;
mod sim;
mod store;

use std::ffi::OsString;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};
use crate::demo;
use crate::document::Error;
use crate::failure::Failure;
use crate::output::Output;
use crate::status::Status;

/// Runs the command that is said.
pub(crate) fn run(said: Vec<OsString>) -> Status {
    match Arguments::try_parse_from(&said) {
        Ok(arguments) => {
            let output = arguments.options.output();
            execute(&arguments).unwrap_or_else(|failure| output.fail(&failure))
        }
        Err(error) => not_understood(&error, &said),
    }
}

fn execute(arguments: &Arguments) -> Result<Status, Failure> {
    let Arguments { command, options } = arguments;
    options.check()?;
    if let (true, Some(name)) = (options.output().is_json(), command.without_json()) {
        return Err(Failure::NoJson(name));
    }
    match command {
        Command::Store(store) => store.run(options),
        Command::Retrieve(retrieve) => retrieve.run(options),
        Command::Remove(remove) => remove.run(options),
        Command::List(list) => list.run(options),
        Command::DestroyAll(destroy_all) => destroy_all.run(options),
        Command::Destroy(destroy) => destroy.run(options),
        Command::Registry => registry::run(options.output()),
        Command::Demo => demo::run(options.output()),
        Command::Sim(sim) => sim.run(options),
        Command::Completions { shell } => generate::completions(*shell, options.output()),
        Command::Man => generate::man(options.output()),
    }
}

/// Help that was asked for, or wrong usage.
fn not_understood(error: &clap::Error, said: &[OsString]) -> Status {
    // Nobody is left to tell if this fails.
    let _ = error.print();
    if !error.use_stderr() {
        return Status::Done;
    }
    let mut options = said.iter().take_while(|word| *word != "--");
    if options.any(|word| word == "--json") {
        let document = Error::new(Status::Usage, in_short(error), None);
        let _ = Output::new(true).show(&document, String::new);
    }
    Status::Usage
}

/// What is wrong, without the usage that follows.
fn in_short(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.split("\n\n").next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}
