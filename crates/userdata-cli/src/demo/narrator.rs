//! `Narrator`: tells what the demo does, as it does it.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use thiserror::Error;

use crate::document::Step;
use crate::failure::Failure;

const TITLE: Style = Style::new().bold();
const OK: Style = AnsiColor::Green.on_default().bold();

/// Why a step of the demo could not be shown.
pub(super) type Wrong = Box<dyn StdError + Send + Sync>;

/// A step of the demo that failed.
#[derive(Debug, Error)]
#[error("the demo failed at the step '{step}'")]
pub(crate) struct StepFailed {
    step: &'static str,
    source: Wrong,
}

/// Tells the steps as they happen, and remembers them.
pub(super) struct Narrator {
    aloud: bool,
    steps: Vec<Step>,
}

impl Narrator {
    pub(super) const fn new(aloud: bool) -> Self {
        Self {
            aloud,
            steps: Vec::new(),
        }
    }

    /// Tells a step while `show` shows it.
    pub(super) fn step(
        &mut self,
        step: &'static str,
        show: impl FnOnce(&mut Self) -> Result<(), Wrong>,
    ) -> Result<(), Failure> {
        let number = self.steps.len() + 1;
        self.say(&format!("\n{TITLE}{number}. {step}{TITLE:#}"))?;
        self.steps.push(Step {
            step,
            shown: Vec::new(),
        });
        show(self).map_err(|source| match source.downcast::<Unheard>() {
            Ok(unheard) => Failure::Output(unheard.0),
            Err(source) => StepFailed { step, source }.into(),
        })
    }

    /// States something that has just been verified.
    pub(super) fn shown(&mut self, statement: impl fmt::Display) -> Result<(), Wrong> {
        let statement = statement.to_string();
        self.tell(&format!("   {OK}ok{OK:#}  {statement}"))
            .map_err(Unheard)?;
        if let Some(step) = self.steps.last_mut() {
            step.shown.push(statement);
        }
        Ok(())
    }

    pub(super) fn say(&self, line: &str) -> Result<(), Failure> {
        self.tell(line).map_err(Failure::Output)
    }

    /// Colours only where a terminal shows them and nobody minds.
    fn tell(&self, line: &str) -> io::Result<()> {
        if self.aloud {
            writeln!(anstream::stdout(), "{line}")?;
        }
        Ok(())
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

/// Nobody listens any more.
#[derive(Debug, Error)]
#[error("nobody listens")]
struct Unheard(#[source] io::Error);

/// Fails the step unless what it claims is so.
pub(super) fn verify(so: bool, otherwise: impl fmt::Display) -> Result<(), Wrong> {
    if so {
        Ok(())
    } else {
        Err(otherwise.to_string().into())
    }
}
