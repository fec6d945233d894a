//! The suites of Debian whose etcd is tried.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::ValueEnum;

use super::folder;
use crate::debian::apt::{self, Selection, Source};
use crate::debian::{deb, kept};
use crate::progress::Lane;

/// A release of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// etcd 3.4
    #[value(name = "12")]
    V12,
    /// etcd 3.5
    #[value(name = "13")]
    V13,
}

const PACKAGES: [&str; 2] = ["etcd-client", "etcd-server"];

const PROGRAMS: [&str; 2] = ["usr/bin/etcd", "usr/bin/etcdctl"];

impl Suite {
    fn name(self) -> &'static str {
        match self {
            Self::V12 => "bookworm",
            Self::V13 => "trixie",
        }
    }

    /// The folder of `etcd` and `etcdctl`. Fetches and unpacks the packages where they are missing
    /// or damaged.
    pub(super) fn programs(self, source: &Source, lane: &Lane) -> Result<PathBuf> {
        let dir = folder()?.join(self.name());
        let _lock = kept::lock(&dir, lane)?;
        let selection = Selection {
            suite: self.name(),
            apt: dir.join("apt"),
            dir: dir.join("debs"),
            names: PACKAGES.iter().map(|&name| name.to_owned()).collect(),
            kernel: false,
        };
        let packages = apt::packages(selection, source, lane)?;
        let root = kept::folder(&dir, "root", &packages.sums.text(), lane, |fresh| {
            deb::new_root(fresh)?;
            for name in packages.sums.0.keys() {
                deb::unpack(&packages.dir.join(name), fresh, &is_program)?;
            }
            Ok(())
        })?;
        for program in PROGRAMS {
            ensure!(root.join(program).exists(), "no package has a {program}");
        }
        Ok(root.join("usr/bin"))
    }
}

fn is_program(path: &Path) -> bool {
    PROGRAMS.iter().any(|program| path == Path::new(program))
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V12 => "12",
            Self::V13 => "13",
        })
    }
}

/// The release that was asked for, or both.
pub(super) fn chosen(suite: Option<Suite>) -> Vec<Suite> {
    suite.map_or_else(|| Suite::value_variants().to_vec(), |one| vec![one])
}
