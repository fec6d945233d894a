//! `userdata pool`: members, moves, and the data of hosts that are gone.

mod moving;
mod status;

use userdata::hypervisor::{BootId, HypervisorError};
use userdata::store::{Attempt, Refused, Stage, StoreErrorKind};
use userdata::{Domain, DomainKey, Domid, Hypervisor, Uuid};
use userdata_etcd::EtcdEngine;
use userdata_pool::{Engine as _, EngineError, Joined, Settled, Span, Txn};

use crate::arguments::{Pool, PoolCommand};
use crate::document;
use crate::domain::DomainArgument;
use crate::failure::Failure;
use crate::host::Host;
use crate::options::Options;
use crate::output::Output;
use crate::pool::PoolFailure;
use crate::reading::Reading;
use crate::status::Status;
use crate::waiting::until;

/// A cluster with fewer changes may be too young to have compacted,
const YOUNG: u64 = 10_000;
/// if its database is not larger than this: few changes of large values fill a quota, too.
const SMALL: u64 = 256 << 20;

impl Pool {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        // A host is declared dead by a person: this is checked before anything else.
        if let PoolCommand::Forget {
            it_is_dead: false,
            dry_run: false,
            ..
        } = self.command
        {
            return Err(PoolFailure::NotSaidDead.into());
        }
        let host = options.host()?;
        let (pool, engine) = options.connect(&host, Reading::default())?;
        let output = options.output();
        let done = |change, outcome, domain: Option<DomainKey>| {
            tell(change, outcome, domain, None, output)
        };
        match &self.command {
            PoolCommand::Join { force } => {
                check_server(&engine, *force, options)?;
                let outcome = match pool.join()? {
                    Joined::New => "joined",
                    Joined::Renewed => "renewed",
                    _ => "unchanged",
                };
                done("join", outcome, None)
            }
            PoolCommand::Leave => {
                let freed = status::homes_of(&pool.roster()?, options.pool_host()?);
                match pool.leave()? {
                    true => tell_freed("leave", "left", freed, output),
                    false => done("leave", "unchanged", None),
                }
            }
            PoolCommand::Status { domain, host: home } => {
                let uuid = domain.as_ref().map(|domain| uuid(domain, &host, options));
                status::show(&pool, uuid.transpose()?, home.as_ref(), output)
            }
            PoolCommand::Move {
                domain,
                to,
                command,
            } => {
                let domain = options.key(domain, &host)?;
                moving::run(&pool, &host, domain, to, command, options)
            }
            PoolCommand::Claim {
                domain,
                wait,
                paused,
            } => {
                let claim = || {
                    let key = options.key(domain, &host)?;
                    match paused {
                        true => pool.claim(&AsIfUnpaused(&host), &key)?,
                        false => pool.claim(&host, &key)?,
                    }
                    Ok(key)
                };
                let key = match wait {
                    Some(limit) => until(*limit, may_come, claim)?,
                    None => claim()?,
                };
                done("claim", "claimed", Some(key))
            }
            PoolCommand::Cancel { domain } => {
                let key = options.key(domain, &host)?;
                pool.cancel(&host, &key)?;
                done("cancel", "cancelled", Some(key))
            }
            PoolCommand::Adopt { domain } => {
                let key = options.key(domain, &host)?;
                pool.adopt(&host, &key)?;
                done("adopt", "adopted", Some(key))
            }
            PoolCommand::Discard { uuid } => {
                Options::check_uuid(*uuid)?;
                let removed = pool.discard(*uuid)?;
                tell("discard", "discarded", None, Some(removed), output)
            }
            PoolCommand::Forget {
                host: name,
                dry_run,
                ..
            } => match dry_run {
                true => status::show_of(&pool, name, output),
                false => {
                    let roster = pool.roster()?;
                    let freed = status::homes_of(&roster, name);
                    match pool.forget(name)? {
                        true => tell_freed("forget", "forgotten", freed, output),
                        // It was forgotten before, or has left.
                        false if status::knows(&roster, name) => {
                            tell_freed("forget", "unchanged", freed, output)
                        }
                        false => Err(PoolFailure::UnknownHost(name.to_string()).into()),
                    }
                }
            },
            PoolCommand::Settle { domain, attempt } => {
                let domain = DomainKey::new(Domid::ZERO, uuid(domain, &host, options)?);
                settle(pool.settle(&domain, *attempt)?, *attempt, output)
            }
        }
    }
}

/// Tells that a host is not a member any more, and what its data is now.
fn tell_freed(
    change: &'static str,
    outcome: &'static str,
    freed: usize,
    output: Output,
) -> Result<Status, Failure> {
    let document = document::Change {
        change,
        outcome,
        domain: None,
        removed: None,
        freed: Some(freed),
    };
    output.show(&document, || format!("{outcome}\n{}", freed_line(freed)))?;
    Ok(Status::Done)
}

fn freed_line(freed: usize) -> String {
    let domains = match freed {
        0 => return String::new(),
        1 => "1 domain".to_owned(),
        more => format!("{more} domains"),
    };
    format!(
        "free now: the data of {domains}; 'pool status' shows it, and 'pool adopt' or \
         'pool discard' ends that\n"
    )
}

fn settle(settled: Settled, attempt: Attempt, output: Output) -> Result<Status, Failure> {
    let outcome = match settled {
        Settled::Made => "made",
        Settled::NotMade => "not_made",
        _ => return Err(PoolFailure::NotSettled.into()),
    };
    let document = document::Change {
        change: "settle",
        outcome,
        domain: None,
        removed: None,
        freed: None,
    };
    output.show(&document, || {
        format!("{attempt}: {}\n", outcome.replace('_', " "))
    })?;
    Ok(Status::Done)
}

fn tell(
    change: &'static str,
    outcome: &'static str,
    domain: Option<DomainKey>,
    removed: Option<usize>,
    output: Output,
) -> Result<Status, Failure> {
    let document = document::Change {
        change,
        outcome,
        domain: domain.map(document::Domain::from),
        removed,
        freed: None,
    };
    output.show(&document, || match (domain, removed) {
        (Some(domain), _) => format!("{outcome} domain {domain}\n"),
        (None, Some(values)) => format!("{outcome} values: {values}\n"),
        (None, None) => format!("{outcome}\n"),
    })?;
    Ok(Status::Done)
}

/// The uuid that is named, of a domain of any host.
fn uuid(domain: &DomainArgument, host: &Host, options: &Options) -> Result<Uuid, Failure> {
    let key = match domain {
        DomainArgument::Uuid(uuid) => {
            Options::check_uuid(*uuid)?;
            return Ok(*uuid);
        }
        DomainArgument::Key(key) => *key,
        _ => domain.key_on(&host.snapshot()?)?,
    };
    options.check_place(&key)?;
    Ok(key.uuid)
}

/// Refuses a server that is not an etcd of a version that works, and one that never compacts.
fn check_server(engine: &EtcdEngine, force: bool, options: &Options) -> Result<(), Failure> {
    let timeout = options.timeout();
    let server = engine.server(timeout).map_err(PoolFailure::Server)?;
    if force || is_young(server.revision, server.db_size) {
        return Ok(());
    }
    // The user may have a right on the keys of the pool alone.
    let key = options.pool_prefix()?.as_bytes().to_vec();
    let mut first = Txn::read([Span::key(key)]);
    first.at = Some(1);
    // A revision that was compacted away cannot be read.
    match engine.txn(&first, timeout) {
        Ok(_) => Err(PoolFailure::NotCompacted {
            revisions: server.revision,
        }
        .into()),
        Err(EngineError::NoRevision(_)) => Ok(()),
        Err(error) => Err(PoolFailure::Server(error).into()),
    }
}

/// Whether a cluster with so many changes and bytes may not have compacted yet.
const fn is_young(revision: u64, bytes: u64) -> bool {
    revision < YOUNG && bytes <= SMALL
}

/// Whether a later try may find a domain that runs here.
fn may_come(failure: &Failure) -> bool {
    use StoreErrorKind::Refused as No;
    let is_not_yet = |kind: &StoreErrorKind| match kind {
        No(Refused::NotRunning | Refused::NotMoving | Refused::NoSuchDomain) => true,
        // The source of a move to its own host, which still runs.
        No(Refused::Elsewhere(home)) => {
            matches!(&home.stage, Stage::Moving(to) if *to == home.host)
        }
        _ => false,
    };
    matches!(failure, Failure::Store(error) if is_not_yet(error.kind()))
        || crate::waiting::is_not_there_yet(failure)
}

/// The host, whose paused domains are taken for running ones.
struct AsIfUnpaused<'host>(&'host Host);

impl AsIfUnpaused<'_> {
    fn unpaused(mut domain: Domain) -> Domain {
        domain.paused = false;
        domain
    }
}

impl Hypervisor for AsIfUnpaused<'_> {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        Ok(self.0.domain(domid)?.map(Self::unpaused))
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        let domains = self.0.domains()?;
        Ok(domains.into_iter().map(Self::unpaused).collect())
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.0.leaving(domain)
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.0.boot()
    }
}

#[cfg(test)]
mod tests {
    use userdata::store::{Home, HostName, Operation, StoreError};

    use super::*;

    #[test]
    fn a_claim_waits_at_the_source_only_for_a_move_to_the_same_host() {
        let name = |text: &str| text.parse::<HostName>().unwrap();
        let refused = |stage| {
            let home = Home::new(name("a"), Domid::new(3).unwrap(), stage);
            let kind = StoreErrorKind::Refused(Refused::Elsewhere(home));
            Failure::Store(StoreError::new(Operation::Admit, "3", kind))
        };
        assert!(may_come(&refused(Stage::Moving(name("a")))));
        assert!(!may_come(&refused(Stage::Moving(name("b")))));
        assert!(!may_come(&refused(Stage::Settled)));
    }

    #[test]
    fn a_cluster_of_few_or_small_changes_may_not_have_compacted_yet() {
        assert!(is_young(9_999, 256 << 20));
        assert!(!is_young(10_000, 0));
        // 300 values of 1 MiB.
        assert!(!is_young(300, 300 << 20));
    }

    #[test]
    fn free_data_is_told_with_what_ends_that() {
        assert_eq!(freed_line(0), "");
        assert!(freed_line(1).starts_with("free now: the data of 1 domain; 'pool status'"));
        assert!(freed_line(2).contains("2 domains"));
    }
}
