//! On a full disk a store of a value may fail, and so may the closing mark of a destroy, which
//! continues without one. Every action that only removes must succeed.

use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::store::StoreErrorKind;

use super::{Action, Report, Scene};

/// Whether the action needs space that the scene does not have, and the report says this and
/// nothing else.
pub(super) fn explains(scene: &Scene, action: &Action, report: &Report) -> bool {
    let only_space = |problems: &[UserdataError]| problems.iter().all(is_no_space);
    let is_explained = match (action, report) {
        (
            Action::Store { value, .. }
            | Action::StoreIf { value, .. }
            | Action::Update { value, .. },
            Report::Failed(error),
        ) => !value.is_empty() && is_no_space(error),
        // A carry renames values, but needs two locks.
        (Action::Import { .. } | Action::Carry { .. }, Report::Failed(error)) => is_no_space(error),
        (
            Action::Destroy { durability, .. } | Action::DestroyWithError { durability, .. },
            Report::Cleared(Some(cleared), problems),
        ) => cleared.failed.is_empty() && cleared.durability == *durability && only_space(problems),
        (Action::DestroyInVain { .. }, Report::StillThere(problems)) => only_space(problems),
        _ => false,
    };
    scene.setting().full && is_explained
}

fn is_no_space(error: &UserdataError) -> bool {
    match error.kind() {
        UserdataErrorKind::Store(error) => matches!(error.kind(), StoreErrorKind::NoSpace(_)),
        _ => false,
    }
}
