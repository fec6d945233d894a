//! `userdata sweep`, and what it says of this host.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use userdata_core::DomainKey;

use crate::{host, ours};

/// The JSON of `userdata sweep`, as far as the checks need it.
#[derive(Debug, Deserialize)]
pub(crate) struct Swept {
    files: Vec<File>,
    domains: Vec<Judged>,
    failed: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct File {
    action: String,
    file: String,
}

#[derive(Debug, Deserialize)]
struct Judged {
    domid: u16,
    uuid: String,
    verdict: String,
}

impl Swept {
    /// The names of the files that were removed.
    pub(crate) fn removed(&self) -> BTreeSet<&str> {
        let removed = self.files.iter().filter(|file| file.action == "removed");
        removed.map(|file| file.file.as_str()).collect()
    }

    /// The domains that need attention, with the word for each.
    pub(crate) fn attention(&self) -> Result<Vec<(DomainKey, &str)>> {
        let domains = self.domains.iter().map(|domain| {
            let key = format!("{}.{}", domain.domid, domain.uuid).parse();
            Ok((key.context("a key")?, domain.verdict.as_str()))
        });
        domains.collect()
    }
}

/// One sweep, which has to judge every domain and remove what it wants to.
pub(crate) fn once() -> Result<Swept> {
    with(&[])
}

/// As [`once`], with further arguments of the command.
pub(crate) fn with(arguments: &[&str]) -> Result<Swept> {
    let ended = ours::command(&[&["sweep", "--json"], arguments].concat(), b"")?;
    ended.expect(0, "userdata sweep")?;
    let swept: Swept =
        serde_json::from_slice(&ended.stdout).context("the JSON of userdata sweep")?;
    ensure!(swept.failed.is_empty(), "not removed: {:?}", swept.failed);
    Ok(swept)
}

/// Fails if a file of these domains is left.
pub(crate) fn ensure_gone(dead: &[DomainKey]) -> Result<()> {
    let files = host::files(None)?;
    let left: Vec<_> = files
        .iter()
        .filter(|file| dead.iter().any(|key| is_of(file, key)))
        .collect();
    ensure!(left.is_empty(), "of dead domains, the sweep left {left:?}");
    Ok(())
}

/// The names of a domain's values.
pub(crate) fn values(domains: &[DomainKey]) -> Result<Vec<String>> {
    let mut files = host::files(None)?;
    files.retain(|file| {
        file.starts_with("userdata-d.") && domains.iter().any(|key| is_of(file, key))
    });
    Ok(files)
}

/// Whether this is the name of a file of this domain.
fn is_of(file: &str, key: &DomainKey) -> bool {
    file.contains(&format!(".{key}."))
}
