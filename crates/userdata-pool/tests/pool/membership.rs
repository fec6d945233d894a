//! Host records: an answer that is lost, and a record that another program writes meanwhile.

use userdata_core::store::StoreErrorKind;
use userdata_pool::Joined;

use crate::engine::{Behind, Fault};
use crate::rig::two_hosts;

const RECORD: &str = "/userdata/1/host/a";

#[test]
fn membership_is_told_truly_if_the_answer_is_lost() {
    let (engine, a, b) = two_hosts();
    let lose_answer = || engine.plan([Some(Fault::LostAfter)]);
    lose_answer();
    assert!(a.pool.leave().unwrap());
    lose_answer();
    assert_eq!(a.pool.join().unwrap(), Joined::New);
    lose_answer();
    assert!(b.pool.forget(&"a".parse().unwrap()).unwrap());
    assert_eq!(engine.value(RECORD), None);
}

#[test]
fn a_record_that_comes_behind_the_read_is_not_overwritten() {
    let (engine, a, b) = two_hosts();
    let own = engine.value(RECORD).unwrap();
    let others = own.replace("machine-a", "another");
    assert_ne!(own, others);
    let comes = |record: &str| {
        engine.behind_reads([vec![Behind::Put(RECORD.into(), record.into())]]);
    };
    for is_member in [false, true] {
        engine.overwrite(RECORD, own.as_bytes());
        let changed = if is_member {
            comes(&others);
            a.pool.leave().map(drop)
        } else {
            a.pool.leave().unwrap();
            comes(&others);
            a.pool.join().map(drop)
        };
        let error = changed.unwrap_err();
        let is_refused = matches!(error.kind(), StoreErrorKind::NotPermitted(_));
        assert!(is_refused, "{error:?}");
        assert_eq!(engine.value(RECORD), Some(others.clone()));
    }
    // A newer release renews the record while the host is forgotten.
    engine.overwrite(RECORD, own.as_bytes());
    comes("2 whatever");
    b.pool.forget(&"a".parse().unwrap()).unwrap_err();
    assert_eq!(engine.value(RECORD).as_deref(), Some("2 whatever"));
}
