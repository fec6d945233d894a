//! `Rig`: what a check is given.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cluster::Cluster;
use crate::interrupt;
use crate::programs::Programs;

/// What a check is given.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) programs: Programs,
    /// The folder of this check's members.
    pub(crate) scratch: PathBuf,
    /// The folder of what is kept: histories.
    pub(crate) out: PathBuf,
    /// The name of the check.
    pub(crate) check: &'static str,
}

impl Rig {
    /// A new cluster.
    pub(crate) fn cluster(&self) -> Result<Cluster> {
        self.cluster_with(&[])
    }

    /// A new cluster whose members have further options.
    pub(crate) fn cluster_with(&self, options: &[&str]) -> Result<Cluster> {
        Cluster::start(&self.programs, &self.scratch, options)
    }

    /// The file for a text of this kind that is kept.
    pub(crate) fn kept(&self, kind: &str) -> PathBuf {
        let version = &self.programs.version;
        self.out
            .join(format!("etcd-{version}-{}.{kind}", self.check))
    }
}

/// Pauses, and fails on Ctrl-C.
pub(crate) fn pause(time: Duration) -> Result<()> {
    let until = Instant::now() + time;
    loop {
        interrupt::check()?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(Duration::from_millis(50)));
    }
}
