//! The sweep of data that was released to a host and never claimed.

use std::time::Duration;

use hv_sim::{Call, Failure, SimHost, When};
use userdata_core::hypervisor::{BootId, HypervisorError};
use userdata_core::{Domain, DomainKey, Domid, Hypervisor, Store as _};
use userdata_pool::Fate;

use crate::engine::Fault;
use crate::rig::{Host, two_hosts, uuid};

const GRACE: Duration = Duration::from_secs(60);

/// A domain of `a` whose value was released to `b`, where no domain claims it.
fn release(a: &Host, b: &Host) -> DomainKey {
    let domain = a.create();
    a.store(domain, "1").unwrap();
    let to = b.name.parse().unwrap();
    a.pool.begin(&a.xen, &domain, &to).unwrap();
    a.xen.destroy(domain.domid).unwrap();
    a.pool.finish(&a.xen, &domain).unwrap();
    domain
}

/// What a sweep tells if sweeps have seen the data for so long.
fn swept(host: &Host, grace: Duration, seen: Duration, dry_run: bool) -> Vec<String> {
    swept_by(host, grace, dry_run, || seen)
}

fn swept_by(
    host: &Host,
    grace: Duration,
    dry_run: bool,
    mut seen_for: impl FnMut() -> Duration,
) -> Vec<String> {
    let mut told = Vec::new();
    let mut each = |found: &userdata_pool::Unclaimed| {
        let word = match &found.fate {
            Fate::Goes { .. } => "goes",
            Fate::Waits { .. } => "waits",
            Fate::MayBeClaimed => "may be claimed",
            Fate::Unknown(_) => "unknown",
            _ => "failed",
        };
        assert_eq!((found.domain.uuid, found.source.as_str()), (uuid(), "a"));
        told.push(format!("{word}: {}", found.values.len()));
    };
    host.pool
        .sweep_unclaimed(&host.xen, grace, dry_run, &mut |_, _| seen_for(), &mut each)
        .unwrap();
    told
}

#[test]
fn unclaimed_data_goes_after_the_grace_if_no_domain_of_its_uuid_is_here() {
    let (_, a, b) = two_hosts();
    release(&a, &b);
    assert_eq!(swept(&a, GRACE, GRACE, false), [""; 0]);
    let early = GRACE - Duration::from_secs(1);
    assert_eq!(swept(&b, GRACE, early, false), ["waits: 1"]);
    let arrived = b.create();
    assert_eq!(swept(&b, GRACE, GRACE, false), ["may be claimed: 1"]);
    b.xen.destroy(arrived.domid).unwrap();
    assert_eq!(swept(&b, GRACE, GRACE, true), ["goes: 1"]);
    let late = b.create();
    assert_eq!(b.value(late).as_deref(), Some("1"));
    b.xen.destroy(late.domid).unwrap();
    assert_eq!(swept(&b, GRACE, GRACE, false), ["goes: 1"]);
    assert_eq!(b.pool.list(&arrived).unwrap(), []);
    assert_eq!(swept(&b, GRACE, GRACE, false), [""; 0]);
}

#[test]
fn a_removal_without_an_answer_is_not_made_if_a_domain_arrives_meanwhile() {
    let (engine, a, b) = two_hosts();
    release(&a, &b);
    engine.plan([Some(Fault::Delayed)]);
    let mut arrived = None;
    let told = swept_by(&b, GRACE, false, || {
        arrived = Some(b.create());
        GRACE
    });
    assert_eq!(told, ["may be claimed: 1"]);
    engine.deliver();
    assert_eq!(b.value(arrived.unwrap()).as_deref(), Some("1"));
}

#[test]
fn the_first_sweep_that_sees_unclaimed_data_keeps_it_even_without_a_grace() {
    let (_, a, b) = two_hosts();
    release(&a, &b);
    let none = Duration::ZERO;
    assert_eq!(swept(&b, none, none, false), ["waits: 1"]);
    assert_eq!(swept(&b, none, Duration::from_nanos(1), false), ["goes: 1"]);
}

#[test]
fn a_hypervisor_that_does_not_answer_keeps_unclaimed_data() {
    let (_, a, b) = two_hosts();
    release(&a, &b);
    b.xen.fail(Call::Domains, When::Next, Failure::Unavailable);
    assert_eq!(swept(&b, GRACE, GRACE, false), ["unknown: 1"]);
    assert_eq!(b.value(b.create()).as_deref(), Some("1"));
}

#[test]
fn what_moves_and_is_not_released_is_not_unclaimed() {
    let (_, a, b) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    let to = b.name.parse().unwrap();
    a.pool.begin(&a.xen, &domain, &to).unwrap();
    assert_eq!(swept(&b, GRACE, GRACE, false), [""; 0]);
    assert_eq!(a.value(domain).as_deref(), Some("1"));
}

#[test]
fn each_release_has_a_revision_of_its_own() {
    let (_, a, b) = two_hosts();
    let release_of = |host: &Host| {
        let mut seen = 0;
        let mut see = |_, revision| {
            seen = revision;
            Duration::ZERO
        };
        let told = &mut |_: &userdata_pool::Unclaimed| {};
        host.pool
            .sweep_unclaimed(&host.xen, GRACE, false, &mut see, told)
            .unwrap();
        seen
    };
    release(&a, &b);
    let first = release_of(&b);
    let arrived = b.create();
    b.pool.claim(&b.xen, &arrived).unwrap();
    let to = a.name.parse().unwrap();
    b.pool.begin(&b.xen, &arrived, &to).unwrap();
    b.xen.destroy(arrived.domid).unwrap();
    b.pool.finish(&b.xen, &arrived).unwrap();
    let returned = a.create();
    a.pool.claim(&a.xen, &returned).unwrap();
    let to = b.name.parse().unwrap();
    a.pool.begin(&a.xen, &returned, &to).unwrap();
    a.xen.destroy(returned.domid).unwrap();
    a.pool.finish(&a.xen, &returned).unwrap();
    assert!(first > 0 && release_of(&b) > first);
}

/// A host whose hypervisor answers for the other domains alone.
struct WithoutDomain0(SimHost);

impl Hypervisor for WithoutDomain0 {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        self.0.domain(domid)
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        let mut domains = self.0.domains()?;
        domains.retain(|found| found.key.domid != Domid::ZERO);
        Ok(domains)
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.0.leaving(domain)
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.0.boot()
    }
}

#[test]
fn a_hypervisor_that_knows_no_domain_0_keeps_unclaimed_data() {
    let (_, a, b) = two_hosts();
    release(&a, &b);
    let (xen, mut fates) = (WithoutDomain0(b.xen.clone()), 0);
    let told = &mut |found: &userdata_pool::Unclaimed| {
        assert!(matches!(found.fate, Fate::NoDomain0), "{found:?}");
        fates += 1;
    };
    let swept = b
        .pool
        .sweep_unclaimed(&xen, GRACE, false, &mut |_, _| GRACE, told);
    swept.unwrap();
    assert_eq!(fates, 1);
    assert_eq!(b.value(b.create()).as_deref(), Some("1"));
}
