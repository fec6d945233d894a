//! The commands of a pool.

use std::ffi::OsString;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Error, Subcommand, ValueHint};
use userdata::Uuid;
use userdata::store::{Attempt, HostName};

use super::{Arguments, DOMAIN_HELP};
use crate::domain::DomainArgument;
use crate::options::seconds;

#[derive(Args, Debug)]
pub(crate) struct Pool {
    #[command(subcommand)]
    pub(crate) command: PoolCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Makes this host a member, or renews its membership after a boot
    Join {
        /// Joins although the cluster keeps all changes and so fills its disk
        #[arg(long)]
        force: bool,
    },
    /// Ends the membership of this host
    ///
    /// Data whose home it is must then be adopted or discarded.
    Leave,
    /// Shows the members, and the home of the data of each domain
    Status {
        /// Only this domain: a domid, a uuid of any host, a name, or DOMID.UUID
        #[arg(conflicts_with = "host")]
        domain: Option<DomainArgument>,
        /// Only data whose home is this host, or that moves to it
        #[arg(long, value_name = "HOST")]
        host: Option<HostName>,
    },
    /// Runs your command that moves a domain to another host, and has its data follow
    ///
    /// The move begins before COMMAND runs. When COMMAND has ended, with any exit status, the
    /// hypervisor is asked: if the domain is gone, its data is released to HOST; if it runs here,
    /// the move is cancelled; if it is suspended, the move stays open. HOST claims the data with
    /// 'pool claim' when the domain runs there. HOST may be this host: a localhost migration, or a
    /// reboot that keeps the data.
    #[command(override_usage = "userdata pool move [OPTIONS] <DOMAIN> --to <HOST> -- <COMMAND>...")]
    Move {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
        /// The member that the domain moves to
        #[arg(long, value_name = "HOST")]
        to: HostName,
        /// The program that moves the domain, with its arguments; it is run without a shell
        #[arg(last = true, required = true, value_hint = ValueHint::CommandWithArguments)]
        command: Vec<OsString>,
    },
    /// Makes this host the home of a domain that was moved here and runs here
    ///
    /// From then on the source must not be resumed.
    Claim {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
        /// Waits at most this long until the domain runs here
        #[arg(long, value_name = "SECONDS")]
        #[arg(value_parser = seconds, allow_negative_numbers = true)]
        wait: Option<Duration>,
        /// Claims although the domain is paused here: you know that the source does not run
        #[arg(long)]
        paused: bool,
    },
    /// Ends a move whose domain stays here and runs
    Cancel {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
    },
    /// Makes this host the home of data whose home was forgotten; the domain must run here
    Adopt {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
    },
    /// Removes data whose home was forgotten, or cannot be read
    Discard {
        /// The uuid of the domain
        uuid: Uuid,
    },
    /// Declares that a host is dead or fenced: it can store nothing from now on
    ///
    /// The homes that it has are then free to be adopted or discarded.
    Forget {
        /// The host
        host: HostName,
        /// Says that the host is dead or fenced. No time-out proves that
        #[arg(long)]
        it_is_dead: bool,
        /// Only shows what would be free
        #[arg(long)]
        dry_run: bool,
    },
    /// Tells the outcome of a change that was not known; if it is still open, it is never made
    Settle {
        /// The domain: a domid, a uuid, a name, or DOMID.UUID, which may be gone
        domain: DomainArgument,
        /// The attempt that the message named
        attempt: Attempt,
    },
}

/// The arguments with one store: what is given on the command line outweighs a variable, and
/// `--pool` does not go with `--dir` and `--layout`.
pub(super) fn one_store(mut parsed: Arguments, matches: &ArgMatches) -> Result<Arguments, Error> {
    let given = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    let files = given("dir") || given("layout");
    if files && given("pool_file") {
        let message = "--pool cannot be used with --dir or --layout";
        return Err(Error::raw(ErrorKind::ArgumentConflict, message));
    }
    if files {
        parsed.options.pool.file = None;
    }
    Ok(parsed)
}
