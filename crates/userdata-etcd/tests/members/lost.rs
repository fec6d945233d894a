//! What is sent again, and what the answers of a member mean.

use std::time::{Duration, Instant};

use userdata_pool::{Engine, EngineError};

use crate::listener::{Does, Server, chain, change, engine, nobody, reading};

const LONG: Duration = Duration::from_secs(60);

/// Less than two attempts take.
const SHORT: Duration = Duration::from_millis(300);

fn answering(code: u8, text: &'static str) -> Server {
    Server::new(Does::Answers {
        message: Vec::new(),
        status: (code, text),
    })
}

#[test]
fn a_change_that_may_have_been_made_is_sent_once() {
    for first in [
        Server::new(Does::Nothing),
        Server::new(Does::Sends(Vec::new())),
        answering(14, "etcdserver: request timed out"),
        answering(14, "etcdserver: server stopped"),
        answering(2, "anything"),
        // A proxy gave up waiting for the member behind it.
        Server::new(Does::Http("504")),
        Server::new(Does::Http("500")),
    ] {
        let second = answering(0, "");
        let engine = engine(&[&first.url("http"), &second.url("http")]);
        let error = engine.txn(&change(), LONG).unwrap_err();
        assert!(matches!(error, EngineError::Lost(_)), "{error:?}");
        assert_eq!(second.clients(), 0);
        // The next request begins with the other member.
        assert!(engine.txn(&change(), LONG).is_ok());
    }
}

/// The connection may be dead, and a new one may reach the member.
#[test]
fn a_member_that_was_silent_is_connected_to_again() {
    let silent = Server::new(Does::Nothing);
    let engine = engine(&[&silent.url("http")]);
    for connections in 1..=2 {
        engine.txn(&reading(), SHORT).unwrap_err();
        assert_eq!(silent.clients(), connections);
    }
}

#[test]
fn what_a_member_answered_is_told_if_the_deadline_cuts_short_its_silence() {
    let server = Server::new(Does::AnswersOnce(14, "etcdserver: no leader"));
    // Less than one member is waited for at most.
    let timeout = Duration::from_millis(1400);
    let error = engine(&[&server.url("http")])
        .txn(&reading(), timeout)
        .unwrap_err();
    assert!(matches!(error, EngineError::NotSent(_)), "{error:?}");
    assert!(chain(&error).ends_with("no leader"), "{}", chain(&error));
}

#[test]
fn a_silence_that_lasts_is_told_in_place_of_what_a_member_answered() {
    let server = Server::new(Does::AnswersOnce(14, "etcdserver: no leader"));
    let timeout = Duration::from_secs(3);
    let engine = engine(&[&server.url("http")]);
    let error = engine.txn(&reading(), timeout).unwrap_err();
    assert!(chain(&error).contains("no answer"), "{}", chain(&error));
}

#[test]
fn a_read_without_an_answer_is_asked_of_the_next_member() {
    for first in [
        Server::new(Does::Nothing),
        Server::new(Does::Sends(Vec::new())),
        answering(14, "etcdserver: request timed out"),
        Server::new(Does::Http("504")),
    ] {
        let second = answering(0, "");
        let engine = engine(&[&first.url("http"), &second.url("http")]);
        assert!(engine.txn(&reading(), LONG).is_ok());
        assert_eq!((first.clients() > 0, second.clients()), (true, 1));
    }
}

/// Less than one member is waited for at most.
#[test]
fn a_short_timeout_is_shared_by_all_members() {
    const SHORT: Duration = Duration::from_millis(1200);
    let [first, second] = [Does::Nothing, Does::Nothing].map(Server::new);
    let third = answering(0, "");
    let urls = [first.url("http"), second.url("http"), third.url("http")];
    let urls = urls.each_ref().map(String::as_str);
    assert!(engine(&urls).txn(&reading(), SHORT).is_ok());
    let engine = engine(&urls);
    let began = Instant::now();
    // It may have been made, so no other member is asked; but there is time to look for it.
    let error = engine.txn(&change(), SHORT).unwrap_err();
    assert!(matches!(error, EngineError::Lost(_)), "{error:?}");
    assert!(began.elapsed() < SHORT / 2, "{:?}", began.elapsed());
    let left = SHORT.saturating_sub(began.elapsed());
    assert!(engine.txn(&reading(), left).is_ok());
}

#[test]
fn a_change_that_was_not_sent_is_made_by_the_next_member() {
    let without_leader = answering(14, "etcdserver: no leader");
    let busy = answering(8, "etcdserver: too many requests");
    for first in [nobody(), without_leader.url("http"), busy.url("http")] {
        let second = answering(0, "");
        let engine = engine(&[&first, &second.url("http")]);
        assert!(engine.txn(&change(), LONG).is_ok());
    }
}

#[test]
fn the_answers_of_a_member_are_told_truly() {
    type Is = fn(&EngineError) -> bool;
    let no_space: Is = |error| matches!(error, EngineError::NoSpace(_));
    let refused: Is = |error| matches!(error, EngineError::NotPermitted(_));
    let failed: Is = |error| matches!(error, EngineError::Failed(_));
    let no_revision: Is = |error| matches!(error, EngineError::NoRevision(_));
    for (code, text, is, told) in [
        (
            8,
            "etcdserver: mvcc: database space exceeded",
            no_space,
            "space",
        ),
        (
            7,
            "etcdserver: permission denied",
            refused,
            "no right on these keys",
        ),
        (
            3,
            "etcdserver: authentication failed, invalid user ID or password",
            refused,
            "wrong user or password",
        ),
        (
            3,
            "etcdserver: user name is empty",
            refused,
            "does not know the user",
        ),
        (
            16,
            "etcdserver: invalid auth token",
            refused,
            "does not know the user",
        ),
        (3, "etcdserver: request is too large", failed, "too large"),
        (
            3,
            "etcdserver: duplicate key given in txn request",
            failed,
            "duplicate",
        ),
        (
            11,
            "etcdserver: mvcc: required revision has been compacted",
            no_revision,
            "compacted",
        ),
        (5, "etcdserver: requested lease not found", failed, "lease"),
    ] {
        let (member, other) = (answering(code, text), answering(0, ""));
        let engine = engine(&[&member.url("http"), &other.url("http")]);
        let error = engine.txn(&change(), LONG).unwrap_err();
        assert!(is(&error), "{text}: {error:?}");
        assert!(chain(&error).contains(told), "{}", chain(&error));
        assert_eq!(other.clients(), 0, "{text}");
    }
}

/// The sightings of one process are read by the next.
#[test]
fn engines_that_begin_at_other_times_have_one_clock() {
    let first = engine(&[&nobody()]);
    std::thread::sleep(Duration::from_millis(50));
    let earlier = first.now();
    let second = engine(&[&nobody()]);
    assert!(second.now() > earlier, "{:?} {earlier:?}", second.now());
}

#[test]
fn a_timeout_and_a_lease_of_any_length_are_taken() {
    let member = answering(0, "");
    let engine = engine(&[&member.url("http")]);
    assert!(engine.txn(&reading(), Duration::MAX).is_ok());
    assert!(engine.txn(&change(), Duration::MAX).is_ok());
    let lease = engine.grant(Duration::MAX, Duration::MAX).unwrap();
    engine.keep_alive(lease);
    engine.revoke(lease, Duration::MAX);
    assert!(engine.server(Duration::MAX).is_err());
}
