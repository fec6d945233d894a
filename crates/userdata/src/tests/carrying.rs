//! Carrying values from one domain to another.

use userdata_core::store::{Operation, State, StoreError, StoreErrorKind, Transferred};

use super::mock::{Answers, Calls, engine, host, key, other};
use crate::follow::Selection;
use crate::{Target, Userdata, UserdataErrorKind as Kind};

#[test]
fn a_domain_marked_as_closing_gives_no_values_and_gets_none() {
    for (giver, taker) in [(false, false), (true, false), (false, true), (true, true)] {
        let calls = Calls::default();
        let answers = Answers {
            closing: taker,
            ..Answers::alive()
        };
        let mut engine = engine(&answers, &calls);
        engine.expect_transfer().returning(move |_, _, admit| {
            admit(&State::new(giver), &State::new(taker)).map_err(|refused| {
                let kind = StoreErrorKind::Refused(refused);
                StoreError::new(Operation::Admit, "a domain", kind)
            })?;
            Ok(Transferred::default())
        });
        let userdata = Userdata::new(host(&answers, &calls), engine);
        let carried = userdata.carry(other(), key(), &Selection::new());
        assert_eq!(carried.is_ok(), !giver && !taker);
        let Err(error) = carried else { continue };
        assert!(matches!(error.kind(), Kind::BeingDestroyed), "{error:?}");
        let named = if giver { other() } else { key() };
        assert_eq!(error.target(), Some(Target::Key(named)));
    }
}
