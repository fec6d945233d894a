//! Each bug hunted by each family of cases alone: which family finds it, and how fast.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

use super::canary::Canary;
use super::copy::Copy;
use super::{folder, simulate_run};

/// The families that `simulate run --only` knows, the exhaustive ones first.
const FAMILIES: [&str; 5] = ["crash", "fault", "schedule", "pair", "history"];

/// One bug, and the result of each family.
#[derive(Debug, Serialize)]
struct Row {
    canary: String,
    bug: String,
    families: BTreeMap<&'static str, Hunt>,
}

/// The result of one family.
#[derive(Clone, Copy, Debug, Serialize)]
struct Hunt {
    found: bool,
    /// How many cases were run until it was found, or in all.
    cases: u64,
    seconds: f64,
}

/// Hunts each bug with each family for `minutes` at most. The figures are kept beside those of the
/// ordinary hunt, as `families.json` and as a table of Markdown, `families.md`.
pub(super) fn measure(copy: &Copy, canaries: &[Canary], minutes: f64) -> Result<ExitCode> {
    let mut rows = Vec::new();
    for canary in canaries {
        let simulate = copy
            .simulate(Some(canary))
            .with_context(|| canary.name.clone())?;
        let mut families = BTreeMap::new();
        for family in FAMILIES {
            let started = Instant::now();
            let findings = simulate_run(&simulate, minutes, &["--only", family])?;
            let hunt = Hunt {
                found: !findings.failures.is_empty(),
                cases: findings.cases(),
                seconds: started.elapsed().as_secs_f64(),
            };
            writeln!(io::stdout(), "{:32} {family:10}{}", canary.name, cell(hunt))?;
            families.insert(family, hunt);
        }
        rows.push(Row {
            canary: canary.name.clone(),
            bug: canary.bug.clone(),
            families,
        });
        fs::write(
            folder().join("families.json"),
            serde_json::to_string(&rows)?,
        )?;
        fs::write(folder().join("families.md"), table(&rows))?;
    }
    write!(io::stdout(), "\n{}", table(&rows))?;
    Ok(ExitCode::SUCCESS)
}

/// A row for each bug and a column for each family; then the bugs that only one family finds.
fn table(rows: &[Row]) -> String {
    let mut text = format!("| canary | `{}` |\n|---", FAMILIES.join("` | `"));
    text.push_str(&"|---".repeat(FAMILIES.len()));
    text.push_str("|\n");
    let hunt = |row: &Row, family: &str| row.families.get(family).copied();
    for row in rows {
        let cells = FAMILIES.map(|family| hunt(row, family).map_or_else(String::new, cell));
        let _ = writeln!(text, "| `{}` | {} |", row.canary, cells.join(" | "));
    }
    let counts = |of: &dyn Fn(&Row, &str) -> bool| {
        let count = |family| {
            rows.iter()
                .filter(|row| of(row, family))
                .count()
                .to_string()
        };
        FAMILIES.map(count).join(" | ")
    };
    let finds = |row: &Row, family: &str| hunt(row, family).is_some_and(|hunt| hunt.found);
    let alone = |row: &Row, family: &str| {
        finds(row, family) && FAMILIES.into_iter().filter(|f| finds(row, f)).count() == 1
    };
    let _ = writeln!(text, "| found | {} |", counts(&finds));
    let _ = writeln!(text, "| found by no other family | {} |", counts(&alone));
    text
}

fn cell(hunt: Hunt) -> String {
    let Hunt { cases, seconds, .. } = hunt;
    if hunt.found {
        format!("case {cases}, {seconds:.1} s")
    } else {
        format!("not in {cases}, {seconds:.0} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_which_family_finds_a_bug_as_no_other_does() {
        let hunt = |found| Hunt {
            found,
            cases: 7,
            seconds: 0.26,
        };
        let row = |canary: &str, finders: &[&str]| Row {
            canary: canary.to_owned(),
            bug: String::new(),
            families: FAMILIES
                .map(|family| (family, hunt(finders.contains(&family))))
                .into(),
        };
        let table = table(&[row("one", &["crash"]), row("two", &["crash", "pair"])]);
        let (yes, no) = ("case 7, 0.3 s", "not in 7, 0 s");
        let expected = format!(
            "| canary | `crash` | `fault` | `schedule` | `pair` | `history` |\n\
             |---|---|---|---|---|---|\n\
             | `one` | {yes} | {no} | {no} | {no} | {no} |\n\
             | `two` | {yes} | {no} | {no} | {yes} | {no} |\n\
             | found | 2 | 0 | 0 | 1 | 0 |\n\
             | found by no other family | 1 | 0 | 0 | 0 | 0 |\n"
        );
        assert_eq!(table, expected);
    }
}
