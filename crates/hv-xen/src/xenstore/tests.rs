//! The client with a xenstored that follows the protocol, and with ones that do not.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::connection::Xenstore;
use super::endpoint::Stream;
use super::fake::{FakeXenstored, LONG, client_answered, client_of, message, next_request};
use super::limit::Limit;
use super::wire::Malformed;
use super::{Endpoint, XenstoreError, XenstoreErrorKind};

const SOON: Duration = Duration::from_millis(30);

fn open(fake: &FakeXenstored) -> Xenstore {
    Xenstore::open(&[Endpoint::Socket(fake.socket())], LONG).unwrap()
}

fn is_closed(error: &XenstoreError) -> bool {
    matches!(error.kind(), XenstoreErrorKind::Closed)
}

fn malformed(error: &XenstoreError) -> &Malformed {
    match error.kind() {
        XenstoreErrorKind::Malformed(malformed) => malformed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nodes_are_read_and_listed() {
    let fake = FakeXenstored::start(&[("/local/domain", ""), ("/local/domain/7", "")]);
    fake.write("/local/domain/7/name", b"web");
    fake.write("/local/domain/12", b"\0\xff\n");
    let mut xenstore = open(&fake);
    assert_eq!(
        xenstore.read("/local/domain/7/name").unwrap().unwrap(),
        b"web"
    );
    assert_eq!(
        xenstore.read("/local/domain/12").unwrap().unwrap(),
        b"\0\xff\n"
    );
    assert_eq!(xenstore.read("/local/domain/7").unwrap().unwrap(), b"");
    assert_eq!(xenstore.read("/local/domain/8").unwrap(), None);
    let names = xenstore.directory("/local/domain").unwrap().unwrap();
    assert_eq!(names, [b"12".to_vec(), b"7".to_vec()]);
    assert!(
        xenstore
            .directory("/local/domain/12")
            .unwrap()
            .unwrap()
            .is_empty()
    );
    assert_eq!(xenstore.directory("/nowhere").unwrap(), None);
}

#[test]
fn a_watch_fires_at_once_and_at_changes_until_it_is_ended() {
    let fake = FakeXenstored::start(&[]);
    let mut xenstore = open(&fake);
    xenstore.watch("@releaseDomain", "t").unwrap();
    let event = xenstore.event(LONG).unwrap().unwrap();
    assert_eq!(
        (&event.path[..], &event.token[..]),
        (&b"@releaseDomain"[..], &b"t"[..])
    );
    assert_eq!(xenstore.event(Duration::ZERO).unwrap(), None);
    fake.fire();
    assert_eq!(xenstore.event(LONG).unwrap().unwrap(), event);
    xenstore.unwatch("@releaseDomain", "t").unwrap();
    fake.fire();
    assert_eq!(xenstore.event(SOON).unwrap(), None);
}

#[test]
fn events_before_an_answer_are_kept_once_each() {
    let events = [&b"/a\0one\0"[..], b"/b\0two\0", b"/a\0one\0"].map(|e| message(15, 77, e));
    let mut xenstore = client_answered([[events.concat(), message(2, 1, b"value")].concat()]);
    assert_eq!(xenstore.read("/x").unwrap().unwrap(), b"value");
    assert_eq!(xenstore.event(LONG).unwrap().unwrap().path, b"/a");
    assert_eq!(xenstore.event(LONG).unwrap().unwrap().token, b"two");
    assert_eq!(xenstore.event(Duration::ZERO).unwrap(), None);
}

#[test]
fn an_answer_in_pieces_is_put_together() {
    let (mut xenstore, server) = client_of(LONG, |mut stream| {
        for _ in 0..3 {
            let (kind, id, payload) = next_request(&mut stream).unwrap();
            let answer = [message(15, 0, b"/w\0t\0"), message(kind, id, &payload)].concat();
            for byte in answer {
                stream.write_all(&[byte]).unwrap();
            }
        }
    });
    for path in ["/a", "/b", &"c".repeat(3000)] {
        let echoed = [path.as_bytes(), b"\0"].concat();
        assert_eq!(xenstore.read(path).unwrap().unwrap(), echoed);
    }
    server.join().unwrap();
}

#[test]
fn a_silent_xenstored_is_not_waited_for_past_the_deadline() {
    let (mut xenstore, server) = client_of(SOON, |mut stream| {
        next_request(&mut stream);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(
            rest.is_empty(),
            "a late answer would be taken for that to the next request"
        );
    });
    let error = xenstore.read("/a").unwrap_err();
    assert!(
        matches!(error.kind(), XenstoreErrorKind::DeadlinePassed { waited } if *waited == SOON)
    );
    assert_eq!(error.to_string(), "xenstore: cannot read /a");
    assert!(is_closed(&xenstore.read("/a").unwrap_err()));
    drop(xenstore);
    server.join().unwrap();
}

#[test]
fn an_endless_stream_of_events_does_not_extend_the_deadline() {
    let (mut xenstore, server) = client_of(SOON, |mut stream| {
        next_request(&mut stream);
        while stream.write_all(&message(15, 0, b"/w\0t\0")).is_ok() {}
    });
    let error = xenstore.read("/a").unwrap_err();
    assert!(matches!(
        error.kind(),
        XenstoreErrorKind::DeadlinePassed { .. }
    ));
    drop(xenstore);
    server.join().unwrap();
}

#[test]
fn a_xenstored_that_reads_nothing_does_not_extend_the_deadline() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut xenstore = Xenstore::over(Stream::Socket(ours.into()), SOON);
    // The server sends its answers without reading any request.
    let answers: Vec<Vec<u8>> = (1..=2000).map(|id| message(2, id, b"")).collect();
    theirs.write_all(&answers.concat()).unwrap();
    let path = "a".repeat(4000);
    let error = (0..2000).find_map(|_| xenstore.read(&path).err()).unwrap();
    assert!(
        matches!(error.kind(), XenstoreErrorKind::DeadlinePassed { .. }),
        "{error:?}"
    );
}

#[test]
fn more_different_events_than_are_kept_end_the_connection() {
    let events = |count| -> Vec<u8> {
        let event = |number| message(15, 0, format!("/w{number}\0t\0").as_bytes());
        (0..count).flat_map(event).collect()
    };
    let answer = [events(1024), message(2, 1, b"value")].concat();
    assert!(client_answered([answer]).read("/a").is_ok());
    let error = client_answered([events(1025)]).read("/a").unwrap_err();
    assert_eq!(*malformed(&error), Malformed::TooManyEvents { limit: 1024 });
}

#[test]
fn a_connection_closed_before_or_within_an_answer_is_reported() {
    for kept in [0, 1, 15, 16, 20] {
        let (mut xenstore, server) = client_of(LONG, move |mut stream| {
            next_request(&mut stream);
            stream.write_all(&message(2, 1, b"value")[..kept]).unwrap();
        });
        assert!(
            is_closed(&xenstore.read("/a").unwrap_err()),
            "after {kept} bytes"
        );
        assert!(is_closed(&xenstore.event(LONG).unwrap_err()));
        server.join().unwrap();
    }
    let (mut xenstore, server) = client_of(LONG, drop);
    server.join().unwrap();
    assert!(is_closed(&xenstore.read("/a").unwrap_err()));
}

#[test]
fn answers_to_other_requests_and_of_other_kinds_are_refused() {
    let mut xenstore = client_answered([message(2, 2, b"value")]);
    let error = xenstore.read("/a").unwrap_err();
    assert_eq!(
        *malformed(&error),
        Malformed::WrongRequest {
            expected: 1,
            got: 2
        }
    );
    assert!(is_closed(&xenstore.read("/a").unwrap_err()));
    let mut xenstore = client_answered([message(1, 1, b"value")]);
    assert!(matches!(
        malformed(&xenstore.read("/a").unwrap_err()),
        Malformed::WrongKind { .. }
    ));
    let mut xenstore = client_answered([message(99, 1, b"")]);
    assert!(matches!(
        malformed(&xenstore.read("/a").unwrap_err()),
        Malformed::WrongKind { .. }
    ));
}

#[test]
fn request_ids_differ_from_one_request_to_the_next() {
    let mut xenstore = client_answered([message(2, 1, b"a"), message(2, 2, b"b")]);
    assert_eq!(xenstore.read("/a").unwrap().unwrap(), b"a");
    assert_eq!(xenstore.read("/a").unwrap().unwrap(), b"b");
}

#[test]
fn an_answer_over_the_limit_is_refused_before_it_is_read() {
    let mut oversized = message(2, 1, b"");
    oversized[12..16].copy_from_slice(&4097_u32.to_le_bytes());
    let error = client_answered([oversized.clone()]).read("/a").unwrap_err();
    assert_eq!(*malformed(&error), Malformed::TooLong { length: 4097 });
    oversized[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = client_answered([oversized]).read("/a").unwrap_err();
    assert_eq!(*malformed(&error), Malformed::TooLong { length: u32::MAX });
    let longest = vec![b'x'; 4096];
    let mut xenstore = client_answered([message(2, 1, &longest)]);
    assert_eq!(xenstore.read("/a").unwrap().unwrap(), longest);
}

#[test]
fn refusals_are_named_and_leave_the_connection_usable() {
    let mut xenstore = client_answered([message(16, 1, b"EACCES\0"), message(2, 2, b"value")]);
    let error = xenstore.read("/a").unwrap_err();
    assert!(matches!(error.kind(), XenstoreErrorKind::Refused(name) if &**name == "EACCES"));
    assert_eq!(xenstore.read("/a").unwrap().unwrap(), b"value");
    for nonsense in [
        &b"EACCES"[..],
        b"",
        b"\0",
        b"no such\0",
        b"E\0E\0",
        &[b'E'; 4096],
    ] {
        let mut xenstore = client_answered([message(16, 1, nonsense)]);
        assert!(matches!(
            malformed(&xenstore.read("/a").unwrap_err()),
            Malformed::Unterminated { .. }
        ));
    }
}

#[test]
fn a_directory_or_event_without_its_nul_is_refused() {
    let mut xenstore = client_answered([message(1, 1, b"a\0b")]);
    assert!(matches!(
        malformed(&xenstore.directory("/a").unwrap_err()),
        Malformed::Unterminated { what: "directory" }
    ));
    for event in [&b""[..], b"/a", b"/a\0", b"/a\0t"] {
        let mut xenstore = client_answered([message(15, 0, event)]);
        assert!(matches!(
            malformed(&xenstore.read("/a").unwrap_err()),
            Malformed::Unterminated {
                what: "watch event"
            }
        ));
    }
}

#[test]
fn an_answer_without_a_request_ends_the_wait_for_events() {
    let (mut xenstore, server) = client_of(LONG, |mut stream| {
        stream.write_all(&message(2, 5, b"value")).unwrap();
    });
    let error = xenstore.event(LONG).unwrap_err();
    assert_eq!(
        *malformed(&error),
        Malformed::WrongRequest {
            expected: 0,
            got: 5
        }
    );
    server.join().unwrap();
}

#[test]
fn a_request_that_does_not_fit_is_not_sent() {
    let mut xenstore = client_answered([message(2, 1, b"value")]);
    for path in ["/a\0b", &"a".repeat(4096)] {
        let error = xenstore.read(path).unwrap_err();
        assert!(matches!(error.kind(), XenstoreErrorKind::InvalidPath));
    }
    assert_eq!(xenstore.read("/a").unwrap().unwrap(), b"value");
}

#[test]
fn only_the_device_may_answer_a_watch_without_a_request_id() {
    let answers = [(4, "watch", true), (5, "unwatch", true), (2, "read", false)];
    for device in [true, false] {
        for (kind, name, exempt) in answers {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let ours = ours.into();
            let stream = if device {
                Stream::Device(ours)
            } else {
                Stream::Socket(ours)
            };
            let mut xenstore = Xenstore::over(stream, LONG);
            theirs.write_all(&message(kind, 0, b"OK")).unwrap();
            let answered = match name {
                "watch" => xenstore.watch("/a", "t").is_ok(),
                "unwatch" => xenstore.unwatch("/a", "t").is_ok(),
                _ => xenstore.read("/a").is_ok(),
            };
            assert_eq!(answered, device && exempt, "{name}");
        }
    }
}

#[test]
fn the_device_is_not_polled_before_a_write() {
    // The device never polls as writable. Past the deadline, only a write without a poll succeeds.
    let limit = Limit::within(Duration::ZERO);
    std::thread::sleep(Duration::from_millis(2));
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let device = Stream::Device(ours.try_clone().unwrap().into());
    assert!(device.send(b"request", limit).is_ok());
    let socket = Stream::Socket(ours.into());
    assert!(socket.send(b"request", limit).is_err());
}

#[test]
fn the_first_endpoint_that_answers_is_taken() {
    let fake = FakeXenstored::start(&[("/a", "value")]);
    let nowhere = tempfile::tempdir().unwrap();
    let deaf = nowhere.path().join("deaf");
    drop(std::os::unix::net::UnixListener::bind(&deaf).unwrap());
    let file = nowhere.path().join("file");
    std::fs::write(&file, "").unwrap();
    let endpoints = [
        Endpoint::Socket(nowhere.path().join("missing")),
        Endpoint::Socket(deaf),
        Endpoint::Socket(file),
        Endpoint::Device(nowhere.path().join("missing")),
        Endpoint::Socket(fake.socket()),
    ];
    let mut xenstore = Xenstore::open(&endpoints, LONG).unwrap();
    assert!(xenstore.read("/a").unwrap().is_some());
    let error = Xenstore::open(&endpoints[..4], LONG).unwrap_err();
    assert!(matches!(error.kind(), XenstoreErrorKind::Unavailable));
    assert!(error.path().contains("deaf") && error.path().contains("missing"));
}

#[test]
fn a_full_listen_queue_is_not_waited_for_past_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    // The listener accepts no connection, so its queue fills.
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut waiting = Vec::new();
    let error = loop {
        match Xenstore::open(&[Endpoint::Socket(path.clone())], SOON) {
            Ok(xenstore) => waiting.push(xenstore),
            Err(error) => break error,
        }
        assert!(waiting.len() < 100_000);
    };
    assert!(
        matches!(error.kind(), XenstoreErrorKind::DeadlinePassed { .. }),
        "{error:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_that_xenstored_sends_panics(bytes in vec(any::<u8>(), 0..200)) {
        let (mut xenstore, server) = client_of(LONG, move |mut stream| {
            next_request(&mut stream);
            // The client may have closed the connection already.
            let _ = stream.write_all(&bytes);
        });
        prop_assert!(xenstore.read("/a").is_err());
        prop_assert!(xenstore.event(LONG).is_err());
        server.join().unwrap();
    }
}
