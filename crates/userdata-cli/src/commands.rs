//! The commands, one file each, and how one of them is run.

mod archive;
mod carry;
mod census;
mod child;
mod clear;
mod destroy;
mod export;
mod generate;
mod import;
mod list;
#[cfg(feature = "pool")]
mod pool;
mod registry;
mod remove;
mod retrieve;
mod sim;
mod store;
mod sweep;

use std::ffi::OsString;

use crate::arguments::{Arguments, Command};
use crate::demo;
use crate::document;
use crate::failure::Failure;
use crate::output::Output;
use crate::status::Status;

/// Runs the command of these arguments; the first argument is the program's name.
pub(crate) fn run(arguments: &[OsString]) -> Status {
    match Arguments::of(arguments) {
        Ok(arguments) => {
            let output = arguments.options.output();
            execute(&arguments).unwrap_or_else(|failure| output.fail(&failure))
        }
        Err(error) if error.use_stderr() => wrong_usage(&error, arguments),
        Err(help) => show_help(&help),
    }
}

fn execute(arguments: &Arguments) -> Result<Status, Failure> {
    let Arguments { command, options } = arguments;
    if let (true, Some(name)) = (options.output().is_json(), command.without_json()) {
        return Err(Failure::NoJson(name));
    }
    match command {
        Command::Store(store) => store.run(options),
        Command::Retrieve(retrieve) => retrieve.run(options),
        Command::Remove(remove) => remove.run(options),
        Command::List(list) => list.run(options),
        Command::Clear(clear) => clear.run(options),
        Command::Destroy(destroy) => destroy.run(options),
        Command::Export(export) => export.run(options),
        Command::Import(import) => import.run(options),
        Command::Carry(carry) => carry.run(options),
        Command::Sweep(sweep) => sweep.run(options),
        #[cfg(feature = "pool")]
        Command::Pool(pool) => pool.run(options),
        Command::Registry => registry::run(options.output()),
        Command::Demo => demo::run(options.output()),
        Command::Sim(sim) => sim.run(options),
        Command::Completions { shell } => generate::completions(*shell, options.output()),
        Command::Man => generate::man(options.output()),
    }
}

/// Help or the version.
fn show_help(help: &clap::Error) -> Status {
    let output = Output::new(false);
    let written = output.write_styled(&help.render().ansi().to_string());
    match written {
        Ok(()) => Status::Done,
        Err(failure) => output.fail(&failure),
    }
}

fn wrong_usage(error: &clap::Error, arguments: &[OsString]) -> Status {
    // If this fails, the failure cannot be reported.
    let _ = error.print();
    let mut options = arguments.iter().take_while(|word| *word != "--");
    if options.any(|word| word == "--json") {
        let document = document::Error {
            status: Status::Usage.number(),
            kind: Status::Usage.word(),
            message: in_short(error),
            changed: false,
            found: None,
        };
        let _ = Output::new(true).show(&document, String::new);
    }
    Status::Usage
}

/// The first paragraph of the message, without the usage that follows.
fn in_short(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.split("\n\n").next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}
