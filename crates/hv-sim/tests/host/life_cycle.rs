//! What a host answers after each event in a domain's life.

use hv_sim::{
    EventError, HostOptions, HostState, NewDomain, Phase, ShutdownReason, SimHost, Until,
};
use userdata_core::hypervisor::{DomainNames, HypervisorErrorKind};
use userdata_core::{DomainKey, Domid, Hypervisor, Life, Uuid};

use crate::{domid, guest, host, named, seen};

fn wrong_phase(domain: DomainKey, phase: Phase) -> EventError {
    EventError::WrongPhase {
        domid: domain.domid,
        phase,
    }
}

#[test]
fn a_host_begins_with_domain_0_only() {
    let host = host();
    let zero = DomainKey::new(Domid::ZERO, Uuid::nil());
    assert_eq!(seen(&host, Domid::ZERO), Some((zero, Life::Alive)));
    assert_eq!(host.domains().unwrap().len(), 1);
    assert_eq!(seen(&host, domid(1)), None);
    assert!(!host.leaving(&zero).unwrap());
}

#[test]
fn a_destroyed_domain_is_leaving_dying_dead_and_gone() {
    let host = host();
    let web = named(&host, "web");
    let steps = [
        (Until::Leaving, Some((web, Life::Alive)), true),
        (Until::Dying, Some((web, Life::Dying)), true),
        (Until::Dead, Some((web, Life::Dead)), true),
        (Until::Gone, None, false),
    ];
    assert!(!host.leaving(&web).unwrap());
    for (until, shown, leaving) in steps {
        host.destroy_until(web.domid, until).unwrap();
        assert_eq!(seen(&host, web.domid), shown, "{until:?}");
        assert_eq!(host.leaving(&web).unwrap(), leaving, "{until:?}");
        assert_eq!(host.name(web.domid).unwrap(), None, "{until:?}");
    }
    let error = EventError::NoSuchDomain { domid: web.domid };
    assert_eq!(host.destroy(web.domid), Err(error));
}

#[test]
fn destruction_continues_from_any_phase_and_never_goes_back() {
    for stop in [Until::Leaving, Until::Dying, Until::Dead] {
        let host = host();
        let web = guest(&host);
        host.destroy_until(web.domid, stop).unwrap();
        host.destroy_until(web.domid, stop).unwrap();
        host.destroy(web.domid).unwrap();
        assert_eq!(seen(&host, web.domid), None);
    }
    let host = host();
    let web = guest(&host);
    host.destroy_until(web.domid, Until::Dead).unwrap();
    for back in [Until::Leaving, Until::Dying] {
        let error = host.destroy_until(web.domid, back).unwrap_err();
        assert_eq!(error, wrong_phase(web, Phase::Dead));
    }
}

#[test]
fn a_domain_killed_without_its_toolstack_is_not_leaving() {
    let host = host();
    let web = named(&host, "web");
    host.kill(web.domid).unwrap();
    assert_eq!(seen(&host, web.domid), Some((web, Life::Dying)));
    assert!(!host.leaving(&web).unwrap());
    assert_eq!(host.name(web.domid).unwrap().unwrap(), "web");
    assert_eq!(host.kill(web.domid), Err(wrong_phase(web, Phase::Dying)));
    host.destroy(web.domid).unwrap();
    assert_eq!(seen(&host, web.domid), None);
}

#[test]
fn a_domain_that_shut_down_is_alive_and_may_resume() {
    let reasons = [
        ShutdownReason::Poweroff,
        ShutdownReason::Reboot,
        ShutdownReason::Suspend,
        ShutdownReason::Crash,
        ShutdownReason::Watchdog,
        ShutdownReason::SoftReset,
    ];
    let host = host();
    let web = guest(&host);
    for reason in reasons {
        host.shut_down(web.domid, reason).unwrap();
        assert_eq!(seen(&host, web.domid), Some((web, Life::Alive)));
        assert!(!host.leaving(&web).unwrap());
        let phase = Phase::Shutdown(reason);
        assert_eq!(host.state().guest(web.domid).unwrap().phase(), phase);
        let again = host.shut_down(web.domid, reason);
        assert_eq!(again, Err(wrong_phase(web, phase)));
        host.resume(web.domid).unwrap();
        let again = host.resume(web.domid);
        assert_eq!(again, Err(wrong_phase(web, Phase::Running)));
    }
}

#[test]
fn a_reboot_keeps_uuid_and_name_and_takes_another_domid() {
    let host = host();
    let old = named(&host, "web");
    host.shut_down(old.domid, ShutdownReason::Reboot).unwrap();
    let first = host.domain(old.domid).unwrap().unwrap().incarnation;
    let new = host.reboot(old.domid).unwrap();
    assert_eq!((new.domid, new.uuid), (domid(2), old.uuid));
    assert_eq!(host.name(new.domid).unwrap().unwrap(), "web");
    assert_eq!(seen(&host, old.domid), None);
    let second = host.domain(new.domid).unwrap().unwrap().incarnation;
    assert!(first.is_some() && second > first);
    let state = host.state();
    assert_eq!(state.guest(new.domid).unwrap().phase(), Phase::Running);
}

#[test]
fn a_pinned_domain_that_reboots_leaves_a_zombie_of_its_uuid() {
    let host = host();
    let old = named(&host, "web");
    host.pin(old.domid).unwrap();
    let new = host.reboot(old.domid).unwrap();
    assert_eq!(seen(&host, old.domid), Some((old, Life::Dead)));
    assert_eq!(seen(&host, new.domid), Some((new, Life::Alive)));
    assert_eq!(new.uuid, old.uuid);
    host.unpin(old.domid).unwrap();
    assert_eq!(seen(&host, old.domid), None);
}

#[test]
fn unpinning_a_living_domain_changes_nothing_else() {
    let host = host();
    let web = guest(&host);
    host.pin(web.domid).unwrap();
    host.unpin(web.domid).unwrap();
    assert_eq!(seen(&host, web.domid), Some((web, Life::Alive)));
    host.destroy(web.domid).unwrap();
    assert_eq!(seen(&host, web.domid), None);
}

#[test]
fn during_a_localhost_migration_one_uuid_has_two_domids() {
    let host = host();
    let source = named(&host, "web");
    let target = host.migrate_begin(source.domid).unwrap();
    assert_eq!(target.uuid, source.uuid);
    assert_ne!(target.domid, source.domid);
    assert_eq!(host.name(source.domid).unwrap().unwrap(), "web");
    assert_eq!(host.name(target.domid).unwrap().unwrap(), "web--incoming");
    host.destroy_until(source.domid, Until::Dying).unwrap();
    assert!(host.leaving(&source).unwrap());
    assert!(!host.leaving(&target).unwrap());
    host.migrate_end(source.domid, target.domid).unwrap();
    assert_eq!(seen(&host, source.domid), None);
    assert_eq!(seen(&host, target.domid), Some((target, Life::Alive)));
    assert_eq!(host.name(target.domid).unwrap().unwrap(), "web");
}

#[test]
fn a_migration_does_not_end_between_unrelated_domains() {
    let host = host();
    let (web, db) = (guest(&host), guest(&host));
    for (source, target) in [(web, db), (web, web)] {
        let error = EventError::NotMigrated {
            source_domid: source.domid,
            target: target.domid,
        };
        let ended = host.migrate_end(source.domid, target.domid);
        assert_eq!(ended, Err(error));
    }
}

#[test]
fn a_soft_reset_keeps_even_a_domain_that_was_leaving() {
    let host = host();
    let web = named(&host, "web");
    let before = host.domain(web.domid).unwrap();
    host.shut_down(web.domid, ShutdownReason::SoftReset)
        .unwrap();
    host.destroy_until(web.domid, Until::Leaving).unwrap();
    host.soft_reset(web.domid).unwrap();
    assert_eq!(host.domain(web.domid).unwrap(), before);
    assert!(!host.leaving(&web).unwrap());
    assert_eq!(host.name(web.domid).unwrap().unwrap(), "web");
    let state = host.state();
    assert_eq!(state.guest(web.domid).unwrap().phase(), Phase::Running);
    host.destroy_until(web.domid, Until::Dying).unwrap();
    let error = host.soft_reset(web.domid);
    assert_eq!(error, Err(wrong_phase(web, Phase::Dying)));
}

#[test]
fn a_soft_reset_whose_name_is_taken_changes_nothing() {
    let host = host();
    let old = named(&host, "web");
    host.destroy_until(old.domid, Until::Leaving).unwrap();
    named(&host, "web");
    let before = host.state();
    let error = host.soft_reset(old.domid).unwrap_err();
    assert!(matches!(error, EventError::NameTaken { .. }), "{error}");
    assert_eq!(host.state(), before);
}

#[test]
fn the_handle_of_a_living_domain_and_of_domain_0_changes() {
    let host = host();
    let web = guest(&host);
    let uuid = Uuid::from_u128(0xdead_beef);
    for domid in [web.domid, Domid::ZERO] {
        let before = host.domain(domid).unwrap().unwrap();
        host.set_uuid(domid, uuid).unwrap();
        let after = host.domain(domid).unwrap().unwrap();
        assert_eq!(after.key, DomainKey::new(domid, uuid));
        assert_eq!(after.incarnation, before.incarnation);
    }
    host.destroy_until(web.domid, Until::Leaving).unwrap();
    let now = DomainKey::new(web.domid, uuid);
    assert!(host.leaving(&now).unwrap());
    assert!(!host.leaving(&web).unwrap(), "no domain has this key");
}

#[test]
fn after_a_boot_only_domain_0_is_left() {
    let host = host();
    host.set_uuid(Domid::ZERO, Uuid::from_u128(3)).unwrap();
    let web = named(&host, "web");
    host.pin(guest(&host).domid).unwrap();
    let (boot, zero) = (host.boot().unwrap(), host.domain(Domid::ZERO).unwrap());
    host.boot_host().unwrap();
    assert_ne!(host.boot().unwrap(), boot);
    let all = host.domains().unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].key, zero.as_ref().unwrap().key);
    assert!(all[0].incarnation > zero.unwrap().incarnation);
    assert_eq!(named(&host, "web").domid, web.domid);
}

#[test]
fn a_hidden_domain_is_not_listed_and_not_permitted() {
    let host = host();
    let (web, db) = (guest(&host), guest(&host));
    for hidden in [web.domid, Domid::ZERO] {
        host.hide(hidden).unwrap();
        assert!(
            host.domains()
                .unwrap()
                .iter()
                .all(|d| d.key.domid != hidden)
        );
        let error = host.domain(hidden).unwrap_err();
        assert!(matches!(
            error.kind(),
            HypervisorErrorKind::NotPermitted { .. }
        ));
        assert_eq!(error.to_string(), format!("cannot look up domain {hidden}"));
        assert_eq!(seen(&host, db.domid), Some((db, Life::Alive)));
        host.show(hidden).unwrap();
        assert!(host.domain(hidden).unwrap().is_some());
    }
}

#[test]
fn a_leaving_domain_refuses_what_its_toolstack_does() {
    let host = host();
    let (old, twin) = (named(&host, "web"), named(&host, "db"));
    host.set_uuid(twin.domid, old.uuid).unwrap();
    host.destroy_until(old.domid, Until::Leaving).unwrap();
    let before = host.state();
    for refused in [
        host.kill(old.domid),
        host.shut_down(old.domid, ShutdownReason::Crash),
        host.resume(old.domid),
        host.rename(old.domid, "www"),
        host.reboot(old.domid).map(drop),
        host.migrate_begin(old.domid).map(drop),
        host.migrate_end(twin.domid, old.domid),
    ] {
        assert_eq!(refused, Err(wrong_phase(old, Phase::Leaving)));
    }
    assert_eq!(host.state(), before);
    assert_eq!(host.migrate_end(old.domid, twin.domid), Ok(()));
}

#[test]
fn an_older_hypervisor_reports_dead_but_not_dying() {
    let host = SimHost::new(HostOptions::new(1).with_reports_dying(false));
    let web = guest(&host);
    for (until, life) in [(Until::Dying, Life::Alive), (Until::Dead, Life::Dead)] {
        host.destroy_until(web.domid, until).unwrap();
        let domain = host.domain(web.domid).unwrap().unwrap();
        assert_eq!((domain.life, domain.incarnation), (life, None));
    }
}

#[test]
fn nothing_that_ends_a_domain_happens_to_domain_0() {
    let host = host();
    let zero = Domid::ZERO;
    let before = host.state();
    for refused in [
        host.destroy(zero),
        host.kill(zero),
        host.shut_down(zero, ShutdownReason::Crash),
        host.resume(zero),
        host.soft_reset(zero),
        host.pin(zero),
        host.unpin(zero),
        host.reboot(zero).map(drop),
        host.migrate_begin(zero).map(drop),
        host.migrate_end(zero, zero),
    ] {
        assert_eq!(refused, Err(EventError::DomainZero));
    }
    assert_eq!(host.state(), before);
}

#[test]
fn a_paused_or_suspended_domain_is_alive_and_does_not_run() {
    let host = SimHost::new(HostOptions::new(1));
    let domid = host.create(NewDomain::new()).unwrap().domid;
    let told = || host.domain(domid).unwrap().unwrap();
    let json = || serde_json::to_string(&host.state()).unwrap();
    let running = json();
    assert!(told().runs() && !running.contains("paused"));
    host.pause(domid).unwrap();
    assert!(told().paused && !told().runs() && told().life == Life::Alive);
    let paused: HostState = serde_json::from_str(&json()).unwrap();
    assert!(paused == host.state());
    host.unpause(domid).unwrap();
    host.shut_down(domid, ShutdownReason::Suspend).unwrap();
    let suspended = Some(userdata_core::Shutdown::Suspend);
    assert!(told().shutdown == suspended && !told().runs());
}
