//! The bugs that were planted, and the case that found each.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::failure::Shown;
use super::text::{Grouped, Text};
use crate::findings::Failure;

/// How the hunt for one planted bug ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Canary {
    name: String,
    bug: String,
    /// The case that found it; `None` if none did.
    failure: Option<Failure>,
    /// How many cases it took.
    cases: u64,
    seconds: f64,
}

/// All of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canaries<'a>(pub(crate) &'a [Canary]);

impl Canary {
    pub(crate) const fn is_found(&self) -> bool {
        self.failure.is_some()
    }
}

impl fmt::Display for Canaries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "<div class=wide><table>\n<tr><th>bug that was planted<th>found by<th>because\
             <th class=n>cases<th class=n>seconds<th>replay"
        )?;
        for canary in self.0 {
            writeln!(
                f,
                "<tr><td><code>{}</code><br>{}",
                Text(&canary.name),
                Text(&canary.bug),
            )?;
            match &canary.failure {
                Some(failure) => writeln!(
                    f,
                    "<td><b>{}</b><td>{}<td class=n>{}<td class=n>{:.1}<td><code>{}</code>",
                    Text(&failure.guarantee),
                    Text(&failure.why),
                    Grouped(canary.cases),
                    canary.seconds,
                    Text(&failure.replay),
                ),
                None => writeln!(
                    f,
                    "<td class=bad>not found<td><td class=n>{}<td class=n>{:.1}<td>",
                    Grouped(canary.cases),
                    canary.seconds,
                ),
            }?;
        }
        writeln!(f, "</table></div>")?;
        for canary in self.0 {
            if let Some(failure) = &canary.failure {
                writeln!(f, "<details><summary>{}</summary>", Text(&canary.name))?;
                writeln!(f, "{}</details>", Shown(failure))?;
            }
        }
        Ok(())
    }
}
