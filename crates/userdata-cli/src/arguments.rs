//! The command line. Help, completions and the manual page are made from it.

mod follow;
#[cfg(feature = "pool")]
mod pool;
mod sim;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _};
use clap::{Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use userdata::Version;

use crate::domain::DomainArgument;
use crate::manual;
use crate::options::{Options, span};
use crate::reading::Reading;

pub(crate) use follow::{Carry, Export, Import, Which};
#[cfg(feature = "pool")]
pub(crate) use pool::{Pool, PoolCommand};
pub(crate) use sim::{Create, Sim, SimCommand, StopAt};

/// Per-domain data of Xen hosts: store, read and remove the values that programs keep for a domain.
///
/// For each domain a program may keep a value under its userid: xl keeps its configuration file
/// under 'xl', libvirt its XML under 'libvirt-xml'. A value is replaced atomically, and is removed
/// when its domain is destroyed. On a Xen host the command uses the files that libxl reads and
/// writes. On a machine without Xen it works on a simulated host.
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
                        --help' have more."
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
    /// The input is read to its end before anything is locked or changed. Other processes that read
    /// the value meanwhile see the whole old or the whole new one. Empty input is an error, unless
    /// --empty-removes is given: an empty FILE or a program that failed must not remove the value.
    #[command(after_long_help = manual::STORE)]
    Store(Store),
    /// Writes a value to standard output, byte for byte
    ///
    /// Takes no lock and works while the domain is being destroyed.
    #[command(after_long_help = manual::RETRIEVE)]
    Retrieve(Retrieve),
    /// Removes a value
    ///
    /// Any userid is accepted, no matter which program stored the value. If there is no value, the
    /// command succeeds.
    #[command(after_long_help = manual::REMOVE)]
    Remove(Remove),
    /// Lists the values of one domain, or of all domains, including domains that are gone
    #[command(after_long_help = manual::LIST)]
    List(List),
    /// Removes all values of a domain
    ///
    /// The domain itself is not changed. A living domain keeps libxl-json and lock files, which it
    /// needs. A domain that is gone is named as DOMID.UUID, and all its files are removed.
    #[command(after_long_help = manual::CLEAR)]
    Clear(Clear),
    /// Runs your command that destroys a domain, and removes its values
    ///
    /// From before COMMAND runs until the values are removed, this command and its library refuse
    /// to store a value for the domain, so that none of their values is left behind. When COMMAND
    /// has ended, with any exit status, the hypervisor is asked: if the domain is gone, dying or
    /// dead, its values are removed; if it lives, they stay.
    #[command(after_long_help = manual::DESTROY)]
    #[command(override_usage = "userdata destroy [OPTIONS] <DOMAIN> -- <COMMAND>...")]
    #[command(mut_arg("only", |only| only.requires("export")))]
    #[command(mut_arg("not", |not| not.requires("export")))]
    #[command(mut_arg("with", |with| with.requires("export")))]
    Destroy(Destroy),
    /// Writes the values of a domain to an archive, all as they are at one instant
    ///
    /// The archive is a tar. Values that their owners write again for another domain stay behind:
    /// libxl-json, libvirt-xml and xl.
    #[command(after_long_help = manual::EXPORT)]
    Export(Export),
    /// Stores the values of an archive for a domain, all of them or none
    ///
    /// The archive is read whole and verified before anything is locked or changed. If the domain
    /// already has one of the values with other bytes, the command fails and changes nothing.
    #[command(after_long_help = manual::IMPORT)]
    Import(Import),
    /// Moves the values of a domain to another one on the same host
    ///
    /// At every instant each value belongs to exactly one of the two. If NEW already has one of the
    /// values with other bytes, the command fails and changes nothing.
    #[command(after_long_help = manual::CARRY)]
    Carry(Carry),
    /// Removes the files of every domain that no longer exists
    ///
    /// Files can outlive their domain: libxl stores some while it destroys a domain, and a host
    /// that crashes or reboots removes none. The hypervisor is asked about each domain that is not
    /// in its list, under the domain's lock, and the files are removed on that answer alone. If it
    /// does not answer, they stay. Files of Domain-0 and of living domains stay; of the latter,
    /// temporary files older than --grace and marks that no process holds are removed. The command
    /// may be interrupted: the next sweep does the rest.
    #[command(after_long_help = manual::SWEEP)]
    Sweep(Sweep),
    /// Members of a pool of hosts, and the data of domains that move or whose host is gone
    #[cfg(feature = "pool")]
    #[command(after_long_help = manual::POOL)]
    #[command(disable_help_subcommand = true)]
    Pool(Pool),
    /// Lists the userids of known programs
    Registry,
    /// Shows what userdata does, on a simulated host in a temporary directory
    ///
    /// It does not touch your hosts and files. Every step is verified. If a step fails, the exit
    /// status is not 0.
    Demo,
    /// Changes a simulated host: creates, pauses, reboots and destroys domains
    ///
    /// Values are never changed: the simulated toolstack does not know about them.
    #[command(after_long_help = manual::SIM)]
    #[command(disable_help_subcommand = true)]
    Sim(Sim),
    /// Writes a script with which a shell completes this command
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
    /// The name under which a program keeps the value: 1 to 128 printable ASCII characters
    pub(crate) userid: OsString,
    /// The file with the value; standard input if FILE is - or not given
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Fails unless the present value has this version, as 'retrieve --json' shows it
    #[arg(long, value_name = "VERSION", conflicts_with = "if_absent")]
    pub(crate) if_version: Option<Version>,
    /// Fails if there is a value
    #[arg(long)]
    pub(crate) if_absent: bool,
    /// Removes the value if the input is empty. Without this option empty input is an error
    #[arg(long)]
    pub(crate) empty_removes: bool,
    /// Permits the userid libxl-json, libxl's own record of the domain. With a wrong record xl can
    /// no longer manage the domain
    #[arg(long)]
    pub(crate) libxl_json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Retrieve {
    #[arg(help = format!("{DOMAIN_HELP}, which may be of a domain that is gone"))]
    pub(crate) domain: DomainArgument,
    /// Any userid, byte for byte
    pub(crate) userid: OsString,
    /// Writes to FILE instead. FILE is replaced atomically and keeps its mode and owner. If it
    /// can't be replaced (a device, a mount point, an open descriptor), it is written in place. A
    /// FILE of - is standard output
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) escaped: Escaped,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Args, Debug)]
pub(crate) struct Remove {
    #[arg(help = DOMAIN_HELP)]
    pub(crate) domain: DomainArgument,
    /// Any userid, byte for byte
    pub(crate) userid: OsString,
    #[command(flatten)]
    pub(crate) escaped: Escaped,
    /// Fails unless the present value has this version, as 'retrieve --json' shows it
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_version: Option<Version>,
    /// Permits the userid libxl-json, libxl's own record of the domain. Without the record xl
    /// assumes that the domain is being created or destroyed
    #[arg(long)]
    pub(crate) libxl_json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Escaped {
    /// Takes USERID in the form that 'list' shows: \xNN is a byte, \\ a backslash, "" the empty
    /// userid
    #[arg(long, short)]
    pub(crate) escaped: bool,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    #[arg(help = format!("{DOMAIN_HELP}, which may be of a domain that is gone"))]
    pub(crate) domain: Option<DomainArgument>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Args, Debug)]
pub(crate) struct Clear {
    #[arg(help = format!("{DOMAIN_HELP}, which may be of a domain that is gone"))]
    pub(crate) domain: DomainArgument,
    /// Also removes what a living domain needs: libxl-json, and lock files that no process holds
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Destroy {
    // `None` if the domain follows a `--` of its own.
    #[arg(help = format!("{DOMAIN_HELP}; if it begins with a dash, put another -- before it"))]
    pub(crate) domain: Option<DomainArgument>,
    /// Takes the domain's values along in an archive, FILE, which must not exist. It is complete
    /// and synced before COMMAND runs, and removed again if the domain lives on afterwards
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) export: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) which: Which,
    /// The program that destroys the domain, with its arguments; it is run without a shell
    #[arg(last = true, required = true, value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(crate) struct Sweep {
    /// Removes nothing, takes no lock and writes nothing; shows what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Shows each file that stays as well, and why, and marks values that are older than this boot
    /// of the host
    #[arg(long)]
    pub(crate) explain: bool,
    /// If the domain of a domid has another uuid than the files, they are removed once sweeps have
    /// seen this for so long: toolstacks change the uuid of a living domain during a migration.
    /// Also the age at which a temporary file of a living domain is removed. In a pool, data that
    /// was released to this host and not claimed is removed once sweeps have seen that for so long;
    /// the first sweep that sees it keeps it
    #[arg(long, value_name = "SECONDS", default_value = "3600")]
    #[arg(value_parser = span, allow_negative_numbers = true)]
    pub(crate) grace: Duration,
    /// If a domain does not exist, its files are removed once sweeps have seen this for so long.
    /// For sweeps by a timer, so that a toolstack can still take over the values
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    #[arg(value_parser = span, allow_negative_numbers = true)]
    pub(crate) settle: Duration,
    /// The file in which a sweep leaves what it has seen, for the next sweep. Default:
    /// /run/userdata/sightings.json on Xen; HOST.sightings beside a simulated host's file HOST. On
    /// a pool: sightings-pool.json and HOST.pool.sightings there; in the layout tree:
    /// sightings-tree.json and HOST.tree.sightings
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) state: Option<PathBuf>,
}

impl Arguments {
    /// Parses the arguments, the program's name first. An environment variable that is set to the
    /// empty string counts as unset.
    pub(crate) fn of(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
        let mut command = Self::command().mut_args(|argument| {
            if argument.get_env().is_some_and(is_empty) {
                argument.env(None::<&'static str>)
            } else {
                argument
            }
        });
        let matches = command.try_get_matches_from_mut(arguments)?;
        let parsed = Self::from_arg_matches(&matches);
        #[cfg(feature = "pool")]
        let parsed = parsed.and_then(|parsed| pool::one_store(parsed, &matches));
        parsed.map_err(|error| error.format(&mut command))
    }
}

impl Command {
    /// The command's name, if its output can't be JSON.
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
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
