//! This host's domains, as real xl shows them.

use anyhow::{Context, Result, bail};
use userdata_core::{DomainKey, Domid};

use crate::program;

/// A domain, as `xl list` and `xl vm-list` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: DomainKey,
    /// `None` if xl shows "(null)".
    pub(crate) name: Option<String>,
    /// Six letters or dashes: running, blocked, paused, shut down, crashed, dying.
    pub(crate) state: String,
    /// In MiB.
    pub(crate) memory: u64,
}

impl Listed {
    /// Whether xl shows this letter for the domain.
    pub(crate) fn is(&self, letter: char) -> bool {
        self.state.contains(letter)
    }
}

/// Waits until the domain of this name is back after a reboot, with this memory in MiB and waiting.
pub(crate) fn wait_until_back(name: &str, memory: u64) -> Result<()> {
    let what = format!("the domain {name} is back with {memory} MiB, waiting");
    program::until(&what, || {
        let domains = domains()?;
        let back = domains
            .iter()
            .find(|listed| listed.name.as_deref() == Some(name));
        Ok(back.is_some_and(|listed| listed.memory == memory && listed.is('b')))
    })
}

/// Every domain, dom0 included, in order of domid.
pub(crate) fn domains() -> Result<Vec<Listed>> {
    let mut shown = None;
    // A domain may begin or end between the two lists.
    program::until("xl list and xl vm-list show the same domains", || {
        let list = program::output(&["xl", "list"])?;
        let uuids = program::output(&["xl", "vm-list"])?;
        let same = domids(&list) == domids(&uuids);
        shown = Some((list, uuids));
        Ok(same)
    })?;
    let (list, uuids) = shown.unwrap_or_default();
    join(&rows(&list), &rows(&uuids))
}

/// One domain for each row of `xl list`, with the uuid from `xl vm-list`.
fn join(list: &[Vec<&str>], uuids: &[Vec<&str>]) -> Result<Vec<Listed>> {
    let mut domains = Vec::new();
    for row in list {
        // The checks' names have no spaces.
        let [name, domid, memory, _, state, ..] = row.as_slice() else {
            bail!("xl list: {row:?}");
        };
        let domid: Domid = domid.parse().with_context(|| format!("domid {domid}"))?;
        let same = |row: &&Vec<&str>| row.get(1).and_then(|id| id.parse().ok()) == Some(domid);
        let uuid = uuids.iter().find(same).and_then(|row| row.first());
        let uuid = uuid.with_context(|| format!("xl vm-list has no domain {domid}"))?;
        domains.push(Listed {
            key: format!("{domid}.{uuid}").parse()?,
            name: (*name != "(null)").then(|| (*name).to_owned()),
            state: (*state).to_owned(),
            memory: memory.parse().with_context(|| format!("memory {memory}"))?,
        });
    }
    domains.sort_by_key(|listed| listed.key);
    Ok(domains)
}

/// Every domain and its name, as `xl vm-list` alone shows them.
pub(crate) fn named() -> Result<Vec<(DomainKey, String)>> {
    let text = program::output(&["xl", "vm-list"])?;
    let mut named = Vec::new();
    for row in rows(&text) {
        let [uuid, domid, name @ ..] = row.as_slice() else {
            bail!("xl vm-list: {row:?}");
        };
        named.push((format!("{domid}.{uuid}").parse()?, name.join(" ")));
    }
    Ok(named)
}

/// The domain with this domid, if xl shows it.
pub(crate) fn domain(domid: u32) -> Result<Option<Listed>> {
    let mut domains = domains()?;
    domains.retain(|listed| u32::from(listed.key.domid.get()) == domid);
    Ok(domains.pop())
}

/// The second word of each row, which is the domid in both lists.
fn domids(text: &str) -> Vec<Option<&str>> {
    let mut domids: Vec<_> = rows(text).iter().map(|row| row.get(1).copied()).collect();
    domids.sort_unstable();
    domids
}

/// The words of each line after the heading.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().skip(1);
    lines
        .map(|line| line.split_whitespace().collect())
        .collect()
}
