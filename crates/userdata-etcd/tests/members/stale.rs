//! Which reads need no quorum: those that may be stale, and no others.

use std::time::Duration;

use userdata_pool::{Engine, Span, Txn};

use crate::listener::{Does, Server, engine};

/// The field `serializable` of a range request, which is true.
const SERIALIZABLE: &[u8] = &[7 << 3, 1];

#[test]
fn a_read_is_answered_without_a_quorum_only_if_it_may_be_stale() {
    let server = Server::new(Does::Answers {
        message: Vec::new(),
        status: (0, ""),
    });
    let engine = engine(&[&server.url("http")]);
    let span = || Span::key(b"key".to_vec());
    for spans in [vec![span()], vec![span(), span()]] {
        for stale in [false, true] {
            let mut reading = Txn::read(spans.clone());
            reading.stale = stale;
            server.asked();
            engine.txn(&reading, Duration::from_secs(60)).unwrap();
            let asked = server.asked();
            let ranges = asked.windows(3).filter(|part| part == b"key").count();
            assert_eq!(ranges, spans.len(), "{asked:?}");
            let mut fields = asked.windows(2);
            assert_eq!(fields.any(|two| two == SERIALIZABLE), stale, "{asked:?}");
        }
    }
}
