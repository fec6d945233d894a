//! Clippy on every package alone, so that none lives on features that another one switches on.

use anyhow::{Result, bail};
use cargo_metadata::Package;

use super::log::Log;
use super::workspace;
use crate::child::Interrupted;

/// Needs Xen's headers, and is built where they are.
const NEEDS_XEN: &str = "xenctrl";

/// Every package as its users build it, with all its targets, without any and with all features.
pub(crate) fn check(log: &mut Log) -> Result<String> {
    let metadata = workspace::metadata(&["--no-deps"])?;
    let members = metadata.workspace_packages();
    let (mut runs, mut failed) = (0, Vec::new());
    for member in &members {
        for form in forms(member) {
            let form: Vec<&str> = form.iter().map(String::as_str).collect();
            let args = [
                &["clippy", "--locked", "-p", &member.name],
                &*form,
                &["--", "-D", "warnings"],
            ];
            runs += 1;
            match log.cargo(&args.concat()) {
                Err(error) if error.is::<Interrupted>() => return Err(error),
                Err(_) => failed.push(format!("{} {}", member.name, form.join(" "))),
                Ok(()) => {}
            }
        }
    }
    if !failed.is_empty() {
        bail!("clippy objects to {}", failed.join(", "));
    }
    Ok(format!("{} packages in {runs} forms", members.len()))
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
