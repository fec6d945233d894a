//! The house rules that rustfmt and clippy do not know.
//!
//! Each rule is a function from the project's texts to its findings, and has a test in which it
//! catches a bad sample.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::project;
use finding::Finding;
use texts::Texts;

mod documents;
mod finding;
mod lines;
mod named_tests;
mod names;
mod packages;
mod prose;
mod texts;
mod unfinished;
mod unsafety;

/// One house rule.
struct Rule {
    name: &'static str,
    check: fn(&Texts) -> Vec<Finding>,
}

const RULES: &[Rule] = &[
    Rule {
        name: "module-doc",
        check: lines::modules_begin_with_their_doc,
    },
    Rule {
        name: "file-length",
        check: lines::files_are_short,
    },
    Rule {
        name: "line-length",
        check: lines::lines_are_short,
    },
    Rule {
        name: "ascii",
        check: lines::source_is_ascii,
    },
    Rule {
        name: "unfinished",
        check: unfinished::nothing_is_left_for_later,
    },
    Rule {
        name: "unsafe",
        check: unsafety::unsafe_has_its_modules,
    },
    Rule {
        name: "names",
        check: names::names_say_what_is_inside,
    },
    Rule {
        name: "prose",
        check: prose::prose_is_plain,
    },
    Rule {
        name: "packages",
        check: packages::packages_say_what_they_are,
    },
    Rule {
        name: "table-of-contents",
        check: packages::lib_is_a_table_of_contents,
    },
    Rule {
        name: "changelog",
        check: documents::changelog_is_open,
    },
    Rule {
        name: "licences",
        check: documents::licences_are_there,
    },
    Rule {
        name: "architecture",
        check: documents::architecture_is_the_map,
    },
    Rule {
        name: "named tests",
        check: named_tests::tables_name_their_tests,
    },
];

/// Options of `cargo xtask tidy`: none.
#[derive(Debug, Args)]
pub(crate) struct Task {}

impl Task {
    #[expect(clippy::unused_self, reason = "every task runs the same way")]
    pub(crate) fn run(self) -> Result<ExitCode> {
        let summary = check()?;
        writeln!(io::stdout(), "{summary}")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Checks every rule. The error lists all findings.
pub(crate) fn check() -> Result<String> {
    let texts = Texts::read(project::root())?;
    let mut found = String::new();
    for rule in RULES {
        for finding in (rule.check)(&texts) {
            found.push_str(&format!("{finding} [{}]\n", rule.name));
        }
    }
    if !found.is_empty() {
        bail!(
            "{} things are untidy\n{}",
            found.lines().count(),
            found.trim_end()
        );
    }
    Ok(format!(
        "{} rules hold in {} files",
        RULES.len(),
        texts.all().len()
    ))
}
