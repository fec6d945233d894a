//! The file of a simulated host.

use hv_sim::{Event, HostState};

/// Bytes that are not a host are refused. A host that is read is written back as the same host, and no
/// event makes it panic, whatever its counters are.
pub fn host_file(data: &[u8]) {
    let Ok(host) = HostState::from_json(data) else {
        return;
    };
    holds(&host);
    let mut host = host;
    let domids: Vec<_> = host.guests().map(|(domid, _)| domid).take(4).collect();
    let reboots = domids.into_iter().map(|domid| Event::Reboot { domid });
    for event in reboots.chain([Event::Spurious, Event::BootHost]) {
        let before = host.clone();
        if host.apply(&event).is_err() {
            assert_eq!(host, before, "{event:?} was refused and changed the host");
        }
        holds(&host);
    }
}

/// The host's JSON is read back as the same host, and has one form.
pub(crate) fn holds(host: &HostState) {
    let text = host.to_json();
    match HostState::from_json(text.as_bytes()) {
        Ok(again) => {
            assert_eq!(again, *host);
            assert_eq!(again.to_json(), text);
        }
        Err(error) => panic!("{error:?}: {text}"),
    }
}
