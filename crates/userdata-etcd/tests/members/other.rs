//! Endpoints at which there is no etcd, or one that is too old.

use std::time::{Duration, Instant};

use userdata_pool::{Engine, EngineError, Page};

use crate::listener::{Does, Server, chain, change, engine, nobody, reading};

const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(60);

#[test]
fn nobody_listens_is_not_sent_within_the_timeout() {
    let url = nobody();
    let engine = engine(&[&url]);
    let began = Instant::now();
    for txn in [reading(), change()] {
        let error = engine.txn(&txn, SHORT / 2).unwrap_err();
        assert!(matches!(error, EngineError::NotSent(_)), "{error:?}");
        let text = chain(&error);
        assert!(text.contains(&url) && text.contains("refused"), "{text}");
    }
    // Each lasts until its timeout, so a caller that asks again does not spin.
    assert!((SHORT..LONG).contains(&began.elapsed()));
}

#[test]
fn of_a_silent_server_a_change_is_lost_and_a_read_is_not() {
    let server = Server::new(Does::Nothing);
    let engine = engine(&[&server.url("http")]);
    let error = engine.txn(&reading(), SHORT / 2).unwrap_err();
    assert!(matches!(error, EngineError::NotSent(_)), "{error:?}");
    assert!(chain(&error).contains("no answer in time"));
    let error = engine.txn(&change(), SHORT / 2).unwrap_err();
    assert!(matches!(error, EngineError::Lost(_)), "{error:?}");
}

#[test]
fn another_server_is_told_at_once_with_what_it_answers() {
    let web = "HTTP/1.1 400 Bad Request, Server: nginx";
    let ssh = "SSH-2.0-OpenSSH_9.2p1";
    let (sends, keeps): (fn(_) -> _, fn(_) -> _) = (Does::Sends, Does::Keeps);
    for (does, answer, told) in [
        (
            sends,
            "HTTP/1.1 400 Bad Request\r\nDate: x\r\nServer: nginx\r\n\r\n<html>",
            web,
        ),
        (
            keeps,
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 6\r\nServer: nginx\r\n\r\n<html>",
            web,
        ),
        (sends, "SSH-2.0-OpenSSH_9.2p1\r\n", ssh),
        (keeps, "SSH-2.0-OpenSSH_9.2p1\r\n", ssh),
    ] {
        let server = Server::new(does(answer.into()));
        let engine = engine(&[&server.url("http")]);
        for txn in [reading(), change()] {
            let began = Instant::now();
            let error = engine.txn(&txn, LONG).unwrap_err();
            assert!(matches!(error, EngineError::Failed(_)), "{error:?}");
            assert!(chain(&error).contains(told), "{}", chain(&error));
            assert!(began.elapsed() < LONG);
        }
    }
}

#[test]
fn half_an_answer_does_not_tell_that_a_server_is_not_etcd() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n{\"etcd";
    let server = Server::new(Does::Keeps(half.into()));
    let engine = engine(&[&server.url("http")]);
    let error = engine.txn(&reading(), SHORT / 2).unwrap_err();
    assert!(matches!(error, EngineError::NotSent(_)), "{error:?}");
}

#[test]
fn a_server_that_closes_may_want_tls() {
    let server = Server::new(Does::Sends(Vec::new()));
    let engine = engine(&[&server.url("http")]);
    let error = engine.txn(&reading(), SHORT / 2).unwrap_err();
    assert!(matches!(error, EngineError::NotSent(_)), "{error:?}");
    assert!(chain(&error).contains("https://"), "{}", chain(&error));
}

#[test]
fn another_grpc_server_is_told_at_once() {
    let status = (12, "unknown service etcdserverpb.KV");
    let message = Vec::new();
    let server = Server::new(Does::Answers { message, status });
    let engine = engine(&[&server.url("http")]);
    let error = engine.txn(&change(), LONG).unwrap_err();
    assert!(matches!(error, EngineError::Failed(_)), "{error:?}");
    assert!(chain(&error).contains("not etcd: unknown service"));
}

#[test]
fn another_http_server_is_told_at_once() {
    for status in ["404", "405", "502"] {
        let server = Server::new(Does::Http(status));
        let engine = engine(&[&server.url("http")]);
        let mut txns = vec![reading()];
        // An answer to a change that begins with 5 may be that of a proxy.
        if !status.starts_with('5') {
            txns.push(change());
        }
        for txn in txns {
            let error = engine.txn(&txn, LONG).unwrap_err();
            assert!(matches!(error, EngineError::Failed(_)), "{error:?}");
            let told = format!(
                "not etcd: grpc-status header missing, mapped from HTTP status code {status}"
            );
            assert!(chain(&error).contains(&told), "{}", chain(&error));
        }
    }
}

#[test]
fn a_member_answers_beside_servers_that_do_not() {
    let web = Server::new(Does::Sends(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()));
    let member = Server::new(Does::Answers {
        message: Vec::new(),
        status: (0, ""),
    });
    let engine = engine(&[&nobody(), &web.url("http"), &member.url("http")]);
    let answer = engine.txn(&reading(), LONG).unwrap();
    assert_eq!(answer.found, [Page::default()]);
}

#[test]
fn a_server_below_3_4_is_told_with_its_version() {
    for (version, is_good) in [("3.3.25", false), ("3.4.23", true), ("3.5.16", true)] {
        let mut message = vec![0x12, u8::try_from(version.len()).unwrap()];
        message.extend(version.as_bytes());
        let server = Server::new(Does::Answers {
            message,
            status: (0, ""),
        });
        let told = engine(&[&server.url("http")]).server(LONG);
        if is_good {
            assert_eq!(told.unwrap().version, version);
        } else {
            let error = told.unwrap_err();
            assert!(matches!(error, EngineError::Failed(_)), "{error:?}");
            let text = chain(&error);
            assert!(text.contains("etcd 3.3.25; a pool needs 3.4"), "{text}");
        }
    }
}
