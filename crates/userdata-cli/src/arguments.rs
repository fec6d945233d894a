//! What can be said to the command, from which help, completions and the man page are made.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use userdata::{Domid, Uuid, Version};

use crate::domain::DomainArgument;
use crate::manual;
use crate::options::Options;

/// Per-domain data of Xen hosts: store, read and remove what toolstacks keep with a domain.
///
/// Each program keeps a value of its own per domain, under its userid: 'xl' for xl's configuration
/// file, 'libvirt-xml' for libvirt's XML. A value is replaced atomically and goes with its domain.
/// On a Xen host the files are those that libxl reads and writes; where there is no Xen, a
/// simulated host takes its place.
#[derive(Debug, Parser)]
#[command(
    name = "userdata",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Commands"
)]
#[command(disable_help_subcommand = true)]
#[command(
    after_help = "'userdata demo' shows what it does. 'userdata --help' and 'userdata COMMAND \
                        --help' say more."
)]
#[command(after_long_help = manual::after_help())]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Replaces a value, or stores a first one
    ///
    /// The value is read whole before anything is locked or changed. No bytes at all remove the
    /// value. Whoever reads meanwhile sees the whole old or the whole new value.
    #[command(after_long_help = manual::STORE)]
    Store(Store),
    /// Writes a value to standard output, byte for byte
    ///
    /// Takes no lock and works while the domain is being destroyed.
    #[command(after_long_help = manual::RETRIEVE)]
    Retrieve(Retrieve),
    /// Removes a value
    ///
    /// Removes whatever stands under the userid, whoever stored it. It is no failure if nothing is
    /// there.
    #[command(after_long_help = manual::REMOVE)]
    Remove(Remove),
    /// Lists values: of one domain, or of all, those that are gone included
    #[command(after_long_help = manual::LIST)]
    List(List),
    /// Removes all values of a domain
    ///
    /// From a living domain all that it can spare: libxl-json and lock files stay. From a domain
    /// that is gone, named as DOMID.UUID, everything.
    #[command(after_long_help = manual::DESTROY_ALL)]
    DestroyAll(DestroyAll),
    /// Destroys a domain by a command of yours, and its values with it
    ///
    /// From before COMMAND runs until all is removed nobody can store anything for the domain, so
    /// nothing is left behind. If COMMAND fails, or the domain is still there, all values stay.
    #[command(after_long_help = manual::DESTROY)]
    Destroy(Destroy),
    /// Lists the userids that programs agreed on
    Registry,
    /// Shows the whole story on a simulated host in a scratch directory
    ///
    /// Touches neither your hosts nor your files. Every step is verified; the exit status is not 0
    /// if one fails.
    Demo,
    /// Changes a simulated host: creates, destroys and reboots domains
    ///
    /// Never touches values, just as a toolstack that knows nothing of them.
    #[command(after_long_help = manual::SIM)]
    #[command(disable_help_subcommand = true)]
    Sim(Sim),
    /// Writes a script for a shell, by which it completes this command
    #[command(after_long_help = manual::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Writes the manual page
    #[command(after_long_help = manual::MAN)]
    Man,
}

const DOMAIN_HELP: &str = "A domid, a uuid, a name, or DOMID.UUID";

#[derive(Args, Debug)]
pub(crate) struct Store {
    #[arg(help = DOMAIN_HELP)]
    pub(crate) domain: DomainArgument,
    /// The name of the program that keeps the value: 1 to 128 printable ASCII characters
    pub(crate) userid: OsString,
    /// Where the value is read from; - or nothing for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Only if the value that is there has this version, as 'retrieve --json' shows it
    #[arg(long, value_name = "VERSION", conflicts_with = "if_absent")]
    pub(crate) if_version: Option<Version>,
    /// Only if there is no value
    #[arg(long)]
    pub(crate) if_absent: bool,
    /// Permits the userid libxl-json, libxl's own record of the domain. A wrong one makes the
    /// domain unmanageable for xl
    #[arg(long)]
    pub(crate) libxl_json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Retrieve {
    #[arg(help = format!("{DOMAIN_HELP}, which may be of a domain that is gone"))]
    pub(crate) domain: DomainArgument,
    /// Any userid, byte for byte
    pub(crate) userid: OsString,
    /// Writes to FILE instead, which is replaced atomically; - for standard output
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) escaped: Escaped,
}

#[derive(Args, Debug)]
pub(crate) struct Remove {
    #[arg(help = DOMAIN_HELP)]
    pub(crate) domain: DomainArgument,
    /// Any userid, byte for byte
    pub(crate) userid: OsString,
    #[command(flatten)]
    pub(crate) escaped: Escaped,
    /// Permits the userid libxl-json, libxl's own record of the domain. Without it xl takes the
    /// domain for one that is being created or destroyed
    #[arg(long)]
    pub(crate) libxl_json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Escaped {
    /// Reads USERID in the form in which 'list' shows it: \xNN is a byte, \\ a backslash, "" the
    /// empty userid
    #[arg(long, short)]
    pub(crate) escaped: bool,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    #[arg(help = format!("{DOMAIN_HELP}, which may be of a domain that is gone"))]
    pub(crate) domain: Option<DomainArgument>,
}

#[derive(Args, Debug)]
pub(crate) struct DestroyAll {
    #[arg(help = format!("{DOMAIN_HELP}, which may be of a domain that is gone"))]
    pub(crate) domain: DomainArgument,
    /// Removes what a living domain needs, too: libxl-json, and lock files that nobody holds
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Destroy {
    #[arg(help = DOMAIN_HELP)]
    pub(crate) domain: DomainArgument,
    /// What destroys the domain, with its arguments; run without a shell
    #[arg(last = true, required = true, value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(crate) struct Sim {
    #[command(subcommand)]
    pub(crate) event: SimCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Creates a domain and writes its DOMID.UUID
    Create(Create),
    /// Destroys a domain, whole or part of the way
    Destroy {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
        /// Stops on the way: dying, while the hypervisor takes it apart; dead, a zombie
        #[arg(long, value_name = "PHASE", value_enum)]
        stop_at: Option<StopAt>,
    },
    /// Shuts a domain down; it can be rebooted or destroyed then
    Shutdown {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
    },
    /// Reboots a domain: same uuid and name, new domid. Writes its DOMID.UUID
    Reboot {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
    },
    /// Lists the domains, Domain-0 included
    List,
    /// Reboots the host: all domains but Domain-0 are gone, and domids start again
    BootHost,
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// Its name, which no other domain has
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Its uuid; other domains may have it, as during a localhost migration
    #[arg(long)]
    pub(crate) uuid: Option<Uuid>,
    /// Its domid; the next free one if not given
    #[arg(long)]
    pub(crate) domid: Option<Domid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StopAt {
    Dying,
    Dead,
}

impl Command {
    /// The command's name, if it writes what can't be JSON.
    pub(crate) const fn without_json(&self) -> Option<&'static str> {
        match self {
            Self::Completions { .. } => Some("completions"),
            Self::Man => Some("man"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
