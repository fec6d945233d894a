//! Clippy on every package that others build on alone, so that none lives on features that another
//! one switches on; on the rest at once, since nobody builds on it.

use anyhow::{Result, bail};
use cargo_metadata::Package;

use super::log::Log;
use super::workspace;
use crate::child::Interrupted;

/// Needs Xen's headers, and is built where they are.
const NEEDS_XEN: &str = "xenctrl";

/// Every published package as its users build it, with all its targets, without any and with all
/// features; the others together, with all targets and features.
pub(crate) fn check(log: &mut Log) -> Result<String> {
    let metadata = workspace::metadata(&["--no-deps"])?;
    let members = metadata.workspace_packages();
    let (published, own): (Vec<&Package>, Vec<&Package>) = members
        .iter()
        .copied()
        .partition(|member| is_published(member));
    let mut runs: Vec<Vec<String>> = Vec::new();
    for member in published {
        for form in forms(member) {
            runs.push([vec!["-p".to_owned(), member.name.to_string()], form].concat());
        }
    }
    let names = own
        .iter()
        .flat_map(|member| ["-p".to_owned(), member.name.to_string()]);
    let switches = ["--all-targets", "--all-features"].map(str::to_owned);
    runs.push(names.chain(switches).collect());
    let mut failed = Vec::new();
    for run in &runs {
        let run: Vec<&str> = run.iter().map(String::as_str).collect();
        let args = [&["clippy", "--locked"], &*run, &["--", "-D", "warnings"]];
        match log.cargo(&args.concat()) {
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(_) => failed.push(run.join(" ")),
            Ok(()) => {}
        }
    }
    if !failed.is_empty() {
        bail!("clippy objects to {}", failed.join(", "));
    }
    Ok(format!("{} packages in {} runs", members.len(), runs.len()))
}

/// Whether others may build on it.
fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|to| !to.is_empty())
}

/// The selections of targets and features in which a package is looked at.
fn forms(package: &Package) -> Vec<Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut forms = vec![words(&[]), words(&["--all-targets"])];
    let features = package
        .features
        .keys()
        .filter(|name| *name != "default" && *name != NEEDS_XEN);
    let features: Vec<&str> = features.map(String::as_str).collect();
    if !features.is_empty() {
        forms.push(words(&["--no-default-features"]));
        forms.push(words(&["--all-targets", "--features", &features.join(",")]));
    }
    forms
}
