//! `destroying`: every domain of a host is destroyed, one after the other.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use userdata_bench::series::Series;

use crate::lineup::{Home, Kind, Programs};
use crate::population;
use crate::slot::Subject;
use crate::work::{Turn, VALUES, Work};

/// How long one peer took for so many domains with five values each.
#[derive(Clone, Debug, Serialize)]
pub struct Destroyed {
    /// Which peer.
    pub kind: Kind,
    /// How many domains.
    pub domains: u32,
    /// Nanoseconds a domain, round by round.
    pub rounds_ns: Series,
}

/// Destroys so many domains with each peer in each round. The peers that sync are left out.
///
/// # Errors
///
/// When a peer fails.
pub fn measure(
    kinds: &[Kind],
    programs: &Programs,
    within: &Path,
    domains: u32,
    rounds: usize,
) -> Result<Vec<Destroyed>> {
    let unsynced = kinds.iter().filter(|kind| !kind.about().durable);
    let mut all: Vec<Destroyed> = unsynced
        .map(|kind| Destroyed {
            kind: *kind,
            domains,
            rounds_ns: Series::default(),
        })
        .collect();
    for _ in 0..rounds {
        all.rotate_left(1);
        for destroyed in &mut all {
            let kind = destroyed.kind;
            let took = once(kind, programs, within, domains)
                .with_context(|| format!("{kind}: destroying {domains} domains"))?;
            destroyed.rounds_ns.0.push(took.round());
        }
    }
    all.sort_by_key(|destroyed| destroyed.kind);
    Ok(all)
}

/// Nanoseconds a domain.
fn once(kind: Kind, programs: &Programs, within: &Path, domains: u32) -> Result<f64> {
    let directory = within.join("destroying");
    let path = kind.directory(&directory)?;
    let subjects: Vec<Subject> = (0..domains).map(Subject::new).collect::<Result<_>>()?;
    let mut peer = kind.open(&path, programs, &subjects)?;
    match kind.about().home {
        Home::Own => population::fill(peer.as_mut(), kind, domains * VALUES)?,
        home => population::make_files(home, &path, domains * VALUES)?,
    }
    let turn = Turn {
        work: Work::Destroy,
        domain: Subject::new(0)?,
        number: 0,
        length: 8,
        seed: 0,
        early: 0,
        times: domains,
    };
    let took = peer.turn(&turn)?;
    for domain in subjects.iter().step_by(100).chain(subjects.last()) {
        anyhow::ensure!(peer.list(domain)?.is_empty(), "values are left");
    }
    drop(peer);
    fs::remove_dir_all(&directory)?;
    Ok(took.as_secs_f64() * 1e9 / f64::from(domains))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_destroys_all_domains() {
        let scratch = tempfile::tempdir().unwrap();
        let kinds = [Kind::Ours, Kind::FsWrite, Kind::LmdbNoSync, Kind::Lmdb];
        let all = measure(&kinds, &Programs::default(), scratch.path(), 7, 2).unwrap();
        assert_eq!(all.len(), 3);
        assert!(all.iter().all(|destroyed| destroyed.rounds_ns.0.len() == 2));
    }
}
