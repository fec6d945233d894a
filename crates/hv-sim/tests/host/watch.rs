//! When `@releaseDomain` fires, and when it does not.

use std::time::Duration;

use hv_sim::{Event, HostOptions, NewDomain, ShutdownReason, SimHost, Until};
use userdata_core::{Hypervisor, Uuid};

use crate::{guest, host, named};

#[test]
fn it_fires_on_registration_once() {
    let watch = host().watch();
    assert!(watch.take());
    assert!(!watch.take());
}

#[test]
fn it_fires_when_a_life_ends_and_not_before() {
    let host = host();
    let watch = host.watch();
    assert!(watch.take());
    let web = named(&host, "web");
    host.rename(web.domid, "www").unwrap();
    host.set_uuid(web.domid, Uuid::nil()).unwrap();
    host.hide(web.domid).unwrap();
    host.pin(web.domid).unwrap();
    assert!(!watch.take(), "nothing has ended");

    host.shut_down(web.domid, ShutdownReason::Suspend).unwrap();
    assert!(watch.take(), "shut down");
    host.resume(web.domid).unwrap();
    assert!(!watch.take(), "resumed");
    host.shut_down(web.domid, ShutdownReason::Poweroff).unwrap();
    assert!(watch.take(), "shut down again");
    host.soft_reset(web.domid).unwrap();
    assert!(watch.take(), "soft reset");

    for silent in [Until::Leaving, Until::Dying] {
        host.destroy_until(web.domid, silent).unwrap();
        assert!(!watch.take(), "{silent:?}");
    }
    host.destroy_until(web.domid, Until::Dead).unwrap();
    assert!(watch.take(), "dead");
    host.unpin(web.domid).unwrap();
    assert!(!watch.take(), "the zombie is gone");
}

#[test]
fn a_zombie_that_is_gone_at_last_fires_nothing() {
    let host = host();
    let (web, db) = (guest(&host), guest(&host));
    let watch = host.watch();
    assert!(watch.take());
    host.destroy_until(web.domid, Until::Dead).unwrap();
    assert!(watch.take());
    host.destroy(web.domid).unwrap();
    assert!(!watch.take());
    host.destroy(db.domid).unwrap();
    assert!(watch.take());
}

#[test]
fn events_share_a_firing_and_watches_do_not() {
    let host = host();
    let watches = [host.watch(), host.clone().watch()];
    for watch in &watches {
        assert!(watch.take());
    }
    for _ in 0..3 {
        let web = guest(&host);
        host.destroy(web.domid).unwrap();
    }
    for watch in &watches {
        assert!(watch.take());
        assert!(!watch.take());
    }
    host.boot_host().unwrap();
    assert!(watches[0].take());
}

#[test]
fn a_migration_and_a_reboot_fire_as_the_old_domain_dies() {
    let host = host();
    let watch = host.watch();
    assert!(watch.take());
    let web = guest(&host);
    let twin = host.migrate_begin(web.domid).unwrap();
    assert!(!watch.take());
    host.migrate_end(web.domid, twin.domid).unwrap();
    assert!(watch.take());
    host.reboot(twin.domid).unwrap();
    assert!(watch.take());
}

#[test]
fn firings_without_a_reason_are_the_same_in_every_run() {
    let fired = |one_in| {
        let host = SimHost::new(HostOptions::new(5).with_spurious_one_in(one_in));
        let watch = host.watch();
        assert!(watch.take());
        (0..64)
            .map(|_| {
                host.create(NewDomain::new()).unwrap();
                watch.take()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(fired(0), [false; 64]);
    assert_eq!(fired(1), [true; 64]);
    let some = fired(4);
    assert!(some.contains(&true) && some.contains(&false));
    assert_eq!(fired(4), some);

    let host = host();
    let watch = host.watch();
    assert!(watch.take());
    host.apply(&Event::Spurious).unwrap();
    assert!(watch.take());
}

#[test]
fn an_event_that_could_not_happen_fires_nothing() {
    let host = SimHost::new(HostOptions::new(1).with_spurious_one_in(1));
    let watch = host.watch();
    assert!(watch.take());
    host.reboot(crate::domid(9)).unwrap_err();
    assert!(!watch.take());
}

#[test]
fn a_waiting_thread_is_woken_when_a_domain_is_gone() {
    let host = host();
    let web = guest(&host);
    let watch = host.watch();
    assert!(watch.take());
    let long = Duration::from_secs(60);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| (watch.wait(long), host.domain(web.domid).unwrap()));
        host.destroy(web.domid).unwrap();
        assert_eq!(waiting.join().unwrap(), (true, None));
    });
    assert!(!watch.wait(Duration::ZERO));
}
