//! `Kind`: every peer, in one table. A peer that is added is a line in [`Kind::ABOUT`] and one in
//! [`Kind::open`].

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use userdata_core::store::Durability;

use crate::peer::Peer;
use crate::peer::bare::{Bare, Form};
use crate::peer::bare_tree::BareTree;
use crate::peer::child::Child;
use crate::peer::fjall::Fjall;
use crate::peer::folders::{self, Folders};
use crate::peer::lmdb::Lmdb;
use crate::peer::ours::{Layout, Ours};
use crate::peer::redb::Redb;
use crate::peer::sqlite::{Sqlite, Synchronous};
use crate::slot::Subject;

/// A peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[value(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the table below says what each is")]
pub enum Kind {
    Ours,
    Tree,
    Libxl,
    Stdio,
    BareUnlocked,
    Bare,
    BareTree,
    FsWrite,
    TempfilePersist,
    SqliteOff,
    SqliteNormal,
    RedbNone,
    LmdbNoSync,
    FjallBuffer,
    OursFull,
    BareSynced,
    AtomicWriteFile,
    SqliteFull,
    RedbImmediate,
    Lmdb,
    FjallSync,
}

/// Where a peer's values are, and so which other files it is among.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Home {
    /// A directory with libxl's names, which several peers share.
    Flat,
    /// A directory with a directory for each domain, which several peers share.
    Folders,
    /// A directory of the peer's own.
    Own,
}

/// What a peer is.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The peer.
    pub kind: Kind,
    /// Its name in tables and plots.
    pub name: &'static str,
    /// Whether a change has reached the disk when it returns.
    pub durable: bool,
    /// Where its values are.
    pub home: Home,
    /// Whether several processes can have it open at once.
    pub shared: bool,
}

#[rustfmt::skip]
const ABOUT: [About; 21] = [
    about(Kind::Ours, "userdata, libxl layout", false, Home::Flat, true),
    about(Kind::Tree, "userdata, tree layout", false, Home::Own, true),
    about(Kind::Libxl, "libxl 4.17", false, Home::Flat, true),
    about(Kind::Stdio, "2010, C and stdio", false, Home::Flat, true),
    about(Kind::BareUnlocked, "bare calls, no lock", false, Home::Flat, true),
    about(Kind::Bare, "bare calls", false, Home::Flat, true),
    about(Kind::BareTree, "bare calls, tree", false, Home::Own, true),
    about(Kind::FsWrite, "std::fs::write", false, Home::Folders, true),
    about(Kind::TempfilePersist, "tempfile persist", false, Home::Folders, true),
    about(Kind::SqliteOff, "SQLite OFF", false, Home::Own, true),
    about(Kind::SqliteNormal, "SQLite NORMAL", false, Home::Own, true),
    about(Kind::RedbNone, "redb none", false, Home::Own, false),
    about(Kind::LmdbNoSync, "LMDB no sync", false, Home::Own, true),
    about(Kind::FjallBuffer, "fjall buffer", false, Home::Own, false),
    about(Kind::OursFull, "userdata, libxl layout, Full", true, Home::Flat, true),
    about(Kind::BareSynced, "bare calls, both synced", true, Home::Flat, true),
    about(Kind::AtomicWriteFile, "atomic-write-file", true, Home::Folders, true),
    about(Kind::SqliteFull, "SQLite FULL", true, Home::Own, true),
    about(Kind::RedbImmediate, "redb immediate", true, Home::Own, false),
    about(Kind::Lmdb, "LMDB", true, Home::Own, true),
    about(Kind::FjallSync, "fjall sync", true, Home::Own, false),
];

const fn about(kind: Kind, name: &'static str, durable: bool, home: Home, shared: bool) -> About {
    About {
        kind,
        name,
        durable,
        home,
        shared,
    }
}

/// The programs in C.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// Calls real libxl.
    pub libxl: Option<PathBuf>,
    /// Does as libxl did in 2010.
    pub stdio: Option<PathBuf>,
}

impl Kind {
    /// Those that can be opened with these programs.
    #[must_use]
    pub fn all(programs: &Programs) -> Vec<Self> {
        let kinds = ABOUT.iter().map(|about| about.kind);
        kinds
            .filter(|kind| !kind.is_in_c() || kind.program(programs).is_some())
            .collect()
    }

    /// What it is.
    #[must_use]
    pub fn about(self) -> About {
        let unnamed = about(self, "?", false, Home::Own, false);
        let found = ABOUT.into_iter().find(|about| about.kind == self);
        found.unwrap_or(unnamed)
    }

    /// Whether it is a program in C.
    #[must_use]
    pub const fn is_in_c(self) -> bool {
        matches!(self, Self::Libxl | Self::Stdio)
    }

    /// The domain of this number among its own; a peer has a hundred.
    ///
    /// # Errors
    ///
    /// If there are no more domids.
    pub fn domain(self, number: u32) -> Result<Subject> {
        let place = ABOUT.iter().position(|about| about.kind == self);
        let place = u32::try_from(place.unwrap_or_default())?;
        Subject::new(crate::slot::FIRST + 100 * place + number)
    }

    fn program(self, programs: &Programs) -> Option<&Path> {
        match self {
            Self::Libxl => programs.libxl.as_deref(),
            Self::Stdio => programs.stdio.as_deref(),
            _ => None,
        }
    }

    /// Its directory below this one, which is made.
    ///
    /// # Errors
    ///
    /// When it can't be made.
    pub fn directory(self, within: &Path) -> Result<PathBuf> {
        let path = match self.about().home {
            Home::Flat => within.join("flat"),
            Home::Folders => within.join("folders"),
            Home::Own => within.join(self.id()),
        };
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// Its name on the command line.
    #[must_use]
    pub fn id(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Opens it in this process, or starts its program, with these domains.
    ///
    /// # Errors
    ///
    /// When it does not open.
    pub fn open(
        self,
        path: &Path,
        programs: &Programs,
        domains: &[Subject],
    ) -> Result<Box<dyn Peer>> {
        let opened: Result<Box<dyn Peer>> = match self {
            Self::Libxl | Self::Stdio => {
                let program = self.program(programs).context("its program is not here")?;
                Child::start(&mut Command::new(program), path, domains).map(boxed)
            }
            _ => self.open_here(path),
        };
        opened.with_context(|| format!("{self} does not open"))
    }

    /// Opens a peer in Rust.
    ///
    /// # Errors
    ///
    /// When it does not open, or is a program in C.
    pub fn open_here(self, path: &Path) -> Result<Box<dyn Peer>> {
        match self {
            Self::Libxl | Self::Stdio => anyhow::bail!("{self} is a program in C"),
            Self::Ours => Ours::open(path, Layout::Libxl, Durability::Process).map(boxed),
            Self::Tree => Ours::open(path, Layout::Tree, Durability::Process).map(boxed),
            Self::BareTree => BareTree::open(path).map(boxed),
            Self::OursFull => Ours::open(path, Layout::Libxl, Durability::Full).map(boxed),
            Self::BareUnlocked => Bare::open(path, Form::Unlocked).map(boxed),
            Self::Bare => Bare::open(path, Form::Locked).map(boxed),
            Self::BareSynced => Bare::open(path, Form::Synced).map(boxed),
            Self::FsWrite => Ok(boxed(Folders::new(path, folders::write))),
            Self::TempfilePersist => Ok(boxed(Folders::new(path, folders::persist))),
            Self::AtomicWriteFile => Ok(boxed(Folders::new(path, folders::commit))),
            Self::SqliteOff => Sqlite::open(path, Synchronous::Off).map(boxed),
            Self::SqliteNormal => Sqlite::open(path, Synchronous::Normal).map(boxed),
            Self::SqliteFull => Sqlite::open(path, Synchronous::Full).map(boxed),
            Self::RedbNone => Redb::open(path, redb::Durability::None).map(boxed),
            Self::RedbImmediate => Redb::open(path, redb::Durability::Immediate).map(boxed),
            Self::LmdbNoSync => Lmdb::open(path, false).map(boxed),
            Self::Lmdb => Lmdb::open(path, true).map(boxed),
            Self::FjallBuffer => Fjall::open(path, false).map(boxed),
            Self::FjallSync => Fjall::open(path, true).map(boxed),
        }
    }

    /// The command that starts it in a process of its own. A peer in Rust is in this program.
    ///
    /// # Errors
    ///
    /// When this program does not know its own path.
    pub fn command(self, programs: &Programs) -> Result<Command> {
        if let Some(program) = self.program(programs) {
            return Ok(Command::new(program));
        }
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg(self.id());
        Ok(command)
    }
}

fn boxed(peer: impl Peer + 'static) -> Box<dyn Peer> {
    Box::new(peer)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.about().name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_peer_is_in_the_table_once() {
        let listed: Vec<Kind> = ABOUT.iter().map(|about| about.kind).collect();
        let all: Vec<Kind> = Kind::value_variants().to_vec();
        assert_eq!(listed, all);
        let names: BTreeSet<&str> = ABOUT.iter().map(|about| about.name).collect();
        assert_eq!(names.len(), all.len());
    }
}
