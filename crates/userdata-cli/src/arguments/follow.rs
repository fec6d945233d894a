//! The commands by which data follows its domain.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::DOMAIN_HELP;
use crate::domain::DomainArgument;
use crate::options::seconds;
use crate::reading::Homes;

/// Which values go along.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// Takes along only the value of this userid, and those of other --only and --with options
    #[arg(long, value_name = "USERID")]
    pub(crate) only: Vec<OsString>,
    /// Leaves the value of this userid behind, even if another option names it
    #[arg(long, value_name = "USERID")]
    pub(crate) not: Vec<OsString>,
    /// Takes along the value of this userid, too, although its owner writes it again: xl,
    /// libvirt-xml, libxl-json. A pool has no such value, so there it is refused
    #[arg(long, value_name = "USERID")]
    pub(crate) with: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    #[arg(help = format!("{DOMAIN_HELP}, which may be of a domain that is gone"))]
    pub(crate) domain: DomainArgument,
    /// Writes to FILE instead, by the rules of 'retrieve -o': an existing FILE is replaced
    /// atomically. A FILE of - is standard output
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) homes: Homes,
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    #[arg(help = format!("{DOMAIN_HELP}; with --wait it need not exist yet"))]
    pub(crate) domain: DomainArgument,
    /// The file with the archive; standard input if it is - or not given
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Replaces values that the domain has already and that differ
    #[arg(long, conflicts_with = "keep")]
    pub(crate) replace: bool,
    /// Keeps values that the domain has already and that differ, and imports the others
    #[arg(long)]
    pub(crate) keep: bool,
    /// Waits at most this long until the domain exists, is alive, and is not being destroyed
    #[arg(long, value_name = "SECONDS")]
    #[arg(value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) wait: Option<Duration>,
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Args, Debug)]
pub(crate) struct Carry {
    /// The domain that gives its values: a domid, a uuid, a name, or DOMID.UUID, which may be of a
    /// domain that is gone
    pub(crate) old: DomainArgument,
    /// The domain that gets them: a domid, a uuid, a name, or DOMID.UUID
    pub(crate) new: DomainArgument,
    #[command(flatten)]
    pub(crate) which: Which,
}
