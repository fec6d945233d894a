//! The events of a simulated host.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use hv_sim::ShutdownReason;
use userdata::{Domid, Uuid};

use super::DOMAIN_HELP;
use crate::domain::DomainArgument;

#[derive(Args, Debug)]
pub(crate) struct Sim {
    #[command(subcommand)]
    pub(crate) event: SimCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Creates a domain and writes its DOMID.UUID
    Create(Create),
    /// Destroys a domain, completely or up to a stage
    Destroy {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
        /// Stops at this stage. dying: the hypervisor is destroying the domain. dead: the domain is
        /// a zombie
        #[arg(long, value_name = "PHASE", value_enum)]
        stop_at: Option<StopAt>,
    },
    /// Pauses a domain: it is alive and does not run
    Pause {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
    },
    /// Lets a paused domain run again
    Unpause {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
    },
    /// Shuts a domain down; it can then be rebooted or destroyed
    Shutdown {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
        /// Why it shuts down. suspend: it is saved, or migrates
        #[arg(long, value_parser = reasons(), default_value = ShutdownReason::Poweroff.name())]
        reason: ShutdownReason,
    },
    /// Reboots a domain: it keeps its uuid and name and gets a new domid. Writes its new DOMID.UUID
    Reboot {
        #[arg(help = DOMAIN_HELP)]
        domain: DomainArgument,
    },
    /// Lists the domains, Domain-0 included
    List,
    /// Reboots the host: all domains but Domain-0 are gone, and domids begin at 1 again
    BootHost,
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// Its name, which no other domain may have
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Its uuid, which other domains may have too, as during a migration on the same host
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

/// Parses the name of a reason, and lists all names in the help.
fn reasons() -> impl TypedValueParser<Value = ShutdownReason> {
    let names = ShutdownReason::ALL.map(ShutdownReason::name);
    PossibleValuesParser::new(names).try_map(|name| {
        let mut all = ShutdownReason::ALL.into_iter();
        all.find(|reason| reason.name() == name)
            .ok_or("not a reason to shut down")
    })
}
