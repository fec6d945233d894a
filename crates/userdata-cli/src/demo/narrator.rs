//! `Narrator`: prints the steps of the demo as they happen.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Write as _};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use thiserror::Error;

use crate::document::Step;
use crate::standard;

const TITLE: Style = Style::new().bold();
const OK: Style = AnsiColor::Green.on_default().bold();

/// Why a step of the demo could not be shown.
pub(super) type Wrong = Box<dyn StdError + Send + Sync>;

/// Why the demo ended early.
#[derive(Debug, Error)]
pub(super) enum DemoFailed {
    #[error("the demo failed at the step '{step}'")]
    Step { step: &'static str, source: Wrong },
    #[error(transparent)]
    Output(io::Error),
}

/// Prints the steps as they happen, and keeps them for the document.
pub(super) struct Narrator {
    prints: bool,
    steps: Vec<Step>,
}

impl Narrator {
    pub(super) const fn new(prints: bool) -> Self {
        Self {
            prints,
            steps: Vec::new(),
        }
    }

    /// Prints the title of a step, and calls `show` to do it.
    pub(super) fn step(
        &mut self,
        step: &'static str,
        show: impl FnOnce(&mut Self) -> Result<(), Wrong>,
    ) -> Result<(), DemoFailed> {
        let number = self.steps.len() + 1;
        self.say(&format!("\n{TITLE}{number}. {step}{TITLE:#}"))?;
        self.steps.push(Step {
            step,
            shown: Vec::new(),
        });
        show(self).map_err(|source| match source.downcast::<NotPrinted>() {
            Ok(not_printed) => DemoFailed::Output(not_printed.0),
            Err(source) => DemoFailed::Step { step, source },
        })
    }

    /// States something that has just been verified.
    pub(super) fn shown(&mut self, statement: impl fmt::Display) -> Result<(), Wrong> {
        let statement = statement.to_string();
        self.print(&format!("   {OK}ok{OK:#}  {statement}"))
            .map_err(NotPrinted)?;
        if let Some(step) = self.steps.last_mut() {
            step.shown.push(statement);
        }
        Ok(())
    }

    pub(super) fn say(&self, line: &str) -> Result<(), DemoFailed> {
        self.print(line).map_err(DemoFailed::Output)
    }

    /// Prints a line, with colours if the output is a terminal and `NO_COLOR` is not set.
    fn print(&self, line: &str) -> io::Result<()> {
        if self.prints {
            let line = format!("{line}\n");
            AutoStream::auto(standard::output()?).write_all(line.as_bytes())?;
        }
        Ok(())
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

/// A statement that could not be printed.
#[derive(Debug, Error)]
#[error("cannot print")]
struct NotPrinted(#[source] io::Error);

/// Fails the step unless the statement is true.
pub(super) fn verify(is_true: bool, otherwise: impl fmt::Display) -> Result<(), Wrong> {
    if is_true {
        Ok(())
    } else {
        Err(otherwise.to_string().into())
    }
}
