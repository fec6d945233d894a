//! The effect of a carry that comes after other actions.

use userdata::UserdataErrorKind;
use userdata_core::store::StoreErrorKind;

use super::expectation::Expectation;
use super::{Action, Report, Slot};

/// The action with its present effect: a carry moves only the values that the first domain still
/// has.
pub(super) fn by_now(action: &Action, before: &Expectation) -> Action {
    let mut action = action.clone();
    if let Action::Carry { from, values, .. } = &mut action {
        let domain = *from;
        *values = std::mem::take(values)
            .into_iter()
            .filter_map(|(userid, _)| {
                let slot = Slot { domain, userid };
                let value = before.live(&slot)?.to_vec();
                Some((slot.userid, value))
            })
            .collect();
    }
    action
}

/// Whether a carry is refused: both domains have a value under one userid, and the two differ.
pub(super) fn is_refused(action: &Action, before: &Expectation) -> bool {
    let Action::Carry { to, values, .. } = action else {
        return false;
    };
    values.iter().any(|(userid, value)| {
        let slot = Slot {
            domain: *to,
            userid: userid.clone(),
        };
        before.live(&slot).is_some_and(|there| there != value)
    })
}

/// Whether the report says that the carry was refused.
pub(super) fn says_refused(report: &Report) -> bool {
    let Report::Failed(error) = report else {
        return false;
    };
    match error.kind() {
        UserdataErrorKind::Store(error) => {
            matches!(error.kind(), StoreErrorKind::PreconditionFailed { .. })
        }
        _ => false,
    }
}
