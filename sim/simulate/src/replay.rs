//! One case, shown step by step.

use std::fmt;

use crate::perform::Outcome;

/// What came of a case that was run again.
#[derive(Debug)]
pub(crate) struct Replayed(pub(crate) Outcome);

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome {
            counts, failures, ..
        } = &self.0;
        if failures.is_empty() {
            return write!(f, "every guarantee held: {counts:?}");
        }
        for failure in failures {
            if let Some(picture) = &failure.picture {
                for moment in &picture.moments {
                    writeln!(f, "{moment}")?;
                }
            }
            writeln!(f, "\n{}: {}", failure.guarantee, failure.why)?;
            writeln!(f, "after {}", failure.after)?;
            write!(f, "{}", failure.tree)?;
        }
        Ok(())
    }
}
