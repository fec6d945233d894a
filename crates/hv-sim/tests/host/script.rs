//! How a script changes the answers.

use std::error::Error as _;
use std::time::Duration;

use hv_sim::{Call, Failure, Fault, ShutdownReason, SimHost, Until, When};
use userdata_core::hypervisor::{DomainNames, HypervisorError, HypervisorErrorKind};
use userdata_core::{DomainKey, Domid, Hypervisor, Life};

use crate::{guest, host, named, seen};

fn ask(host: &SimHost, call: Call, domain: DomainKey) -> Result<(), HypervisorError> {
    match call {
        Call::Domain => host.domain(domain.domid).map(drop),
        Call::Domains => host.domains().map(drop),
        Call::Leaving => host.leaving(&domain).map(drop),
        Call::Boot => host.boot().map(drop),
        Call::Name => host.name(domain.domid).map(drop),
        _ => unreachable!("a question that this test does not know"),
    }
}

#[test]
fn a_failure_meets_only_the_question_that_was_scripted() {
    for &failing in Call::ALL {
        let host = host();
        let web = guest(&host);
        host.fail(failing, When::After(1), Failure::Unavailable);
        for round in 1..=3 {
            for &call in Call::ALL {
                let failed = ask(&host, call, web).is_err();
                assert_eq!(failed, call == failing && round == 2, "{call:?} {round}");
            }
            assert_eq!(host.asked(failing), round);
        }
    }
}

#[test]
fn a_failure_names_the_question_and_the_reason() {
    let host = host();
    let web = guest(&host);
    let kinds = [
        (
            Failure::Unavailable,
            "the simulated hypervisor is not there",
        ),
        (Failure::NotPermitted, "not permitted: "),
        (Failure::Unsupported, "not supported: "),
        (
            Failure::DeadlinePassed(Duration::from_secs(5)),
            "no answer within 5 s",
        ),
        (Failure::Malformed, "the answer is malformed: "),
        (Failure::Failed, "the call failed"),
    ];
    for (failure, text) in kinds {
        host.fail(Call::Leaving, When::Next, failure);
        let error = host.leaving(&web).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot ask whether domain {web} is leaving")
        );
        let kind = error.source().unwrap().to_string();
        assert!(kind.starts_with(text), "{kind}");
    }
    assert!(host.leaving(&web).is_ok());
}

#[test]
fn a_stale_answer_is_from_before_the_last_event() {
    let host = host();
    let web = named(&host, "web");
    let boot = host.boot().unwrap();
    host.script(Call::Domain, When::Next, Fault::Stale);
    assert_eq!(seen(&host, web.domid), None, "not created yet");
    host.destroy(web.domid).unwrap();
    host.destroy(Domid::ZERO).unwrap_err();
    host.script(Call::Domain, When::Next, Fault::Stale);
    assert_eq!(seen(&host, web.domid), Some((web, Life::Alive)));
    assert_eq!(seen(&host, web.domid), None);

    let db = named(&host, "db");
    host.boot_host().unwrap();
    for &call in Call::ALL {
        host.script(call, When::Next, Fault::Stale);
    }
    assert_eq!(seen(&host, db.domid), Some((db, Life::Alive)));
    assert_eq!(host.domains().unwrap().len(), 2);
    assert_eq!(host.name(db.domid).unwrap().unwrap(), "db");
    assert_eq!(host.boot().unwrap(), boot);
    assert_ne!(host.boot().unwrap(), boot);
}

#[test]
fn an_absent_answer_has_no_domain_0() {
    let host = host();
    let boot = host.boot().unwrap();
    let web = named(&host, "web");
    host.destroy_until(web.domid, Until::Leaving).unwrap();
    for &call in Call::ALL {
        host.script(call, When::Always, Fault::Absent);
    }
    assert_eq!(seen(&host, Domid::ZERO), None);
    assert_eq!(host.domains().unwrap(), []);
    assert_eq!(host.name(Domid::ZERO).unwrap(), None);
    assert!(!host.leaving(&web).unwrap());
    assert_ne!(host.boot().unwrap(), boot);
    assert!(host.unscripted().leaving(&web).unwrap());
    host.clear_script();
    assert!(host.leaving(&web).unwrap());
}

#[test]
fn a_lie_is_the_answer_of_another_host() {
    let host = host();
    let web = guest(&host);
    let mut other = host.state();
    other
        .apply(&hv_sim::Event::Destroy {
            domid: web.domid,
            until: Until::Dead,
        })
        .unwrap();
    host.script(Call::Domain, When::Next, Fault::Lie(Box::new(other)));
    assert_eq!(seen(&host, web.domid), Some((web, Life::Dead)));
    assert_eq!(seen(&host, web.domid), Some((web, Life::Alive)));
}

#[test]
fn a_hook_changes_the_host_between_look_up_and_check() {
    let host = host();
    let web = guest(&host);
    host.before_each(move |host, asked| {
        if (asked.call, asked.number) == (Call::Leaving, 1) {
            assert_eq!(seen(host, web.domid), Some((web, Life::Alive)));
            host.destroy_until(web.domid, Until::Leaving).unwrap();
        }
    });
    assert_eq!(seen(&host, web.domid), Some((web, Life::Alive)));
    assert!(host.leaving(&web).unwrap());
    assert_eq!(
        host.asked(Call::Domain),
        1,
        "the hook's own are not counted"
    );
    assert!(host.unscripted().leaving(&web).unwrap());
    assert_eq!(host.asked(Call::Leaving), 1);
}

#[test]
fn a_script_is_not_part_of_the_state() {
    let host = host();
    let web = guest(&host);
    host.shut_down(web.domid, ShutdownReason::Crash).unwrap();
    host.fail(Call::Domain, When::Always, Failure::Failed);
    let json = serde_json::to_string(&host).unwrap();
    let copy: SimHost = serde_json::from_str(&json).unwrap();
    assert_eq!(copy.state(), host.state());
    assert!(copy.domain(web.domid).is_ok());
    copy.destroy(web.domid).unwrap();
    assert!(host.unscripted().domain(web.domid).unwrap().is_some());
    assert!(matches!(
        host.domain(web.domid).unwrap_err().kind(),
        HypervisorErrorKind::Failed { .. }
    ));
}

#[test]
fn threads_share_one_host() {
    let host = host();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let host = host.clone();
            scope.spawn(move || {
                for _ in 0..100 {
                    let web = guest(&host);
                    assert_eq!(seen(&host, web.domid), Some((web, Life::Alive)));
                    host.destroy(web.domid).unwrap();
                }
            });
        }
    });
    let state = host.state();
    assert_eq!((state.events(), state.guests().count()), (800, 1));
}
