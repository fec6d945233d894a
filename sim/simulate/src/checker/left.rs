//! `Left`: what a power cut may leave of a register.

use super::blend::Blend;
use super::content::Content;
use super::deed::Deed;
use super::facts::Facts;
use super::linearise::{Access, Times};
use super::registers::Register;
use crate::history::LibxlCall;
use crate::walk::{Action, Report};
use userdata_core::store::Durability;

/// A change of a register, as the disk may hold it.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    /// Which operation made it; none if it was there before, or was planted.
    pub(crate) deed: Option<usize>,
    pub(crate) content: Content,
    /// What may be found of bytes that were not synced.
    decays: Option<Blend>,
    /// The change that is certain to be on the disk and came later, so that this is not found.
    pub(crate) superseded: Option<Option<usize>>,
}

impl Left {
    pub(crate) fn may_be(&self, found: &Content) -> bool {
        self.content == *found
            || match (&self.decays, found.bytes()) {
                (Some(blend), Some(bytes)) => blend.may_give(bytes),
                _ => false,
            }
    }
}

/// Everything that was put into a register, with whether it may still be found.
///
/// A change is on the disk for certain when its operation said that it is, or when any operation
/// that began after its end did: they are all in one directory, and a sync of it takes all its
/// names. What ended before such a change began is gone.
pub(crate) fn left(facts: &Facts<'_>, register: &Register) -> Vec<Left> {
    let synced = facts.deeds.iter().filter(|deed| syncs(deed));
    let last_sync = synced.map(|deed| deed.began).max().unwrap_or(0);
    let deed_of = |access: &Access| facts.deeds.get(access.deed?);
    let changes: Vec<&Access> = register
        .accesses
        .iter()
        .filter(|access| access.to.is_some())
        .collect();
    // When the change that is certain to be on the disk began, and which one it is.
    let certain: Vec<(usize, Option<usize>)> = changes
        .iter()
        .filter(|access| access.times == Times::Once)
        .filter(|access| match deed_of(access) {
            // What is planted is durable at once.
            None => true,
            Some(deed) => syncs(deed) || access.ends < last_sync,
        })
        .map(|access| (access.begins, access.deed))
        .collect();
    let superseded = |ends: usize| {
        let later = certain.iter().find(|(begins, _)| ends < *begins);
        later.map(|(_, deed)| *deed)
    };
    let before = Left {
        deed: None,
        content: register.initial.clone(),
        decays: None,
        superseded: certain.first().map(|(_, deed)| *deed),
    };
    let changed = changes.iter().map(|access| Left {
        deed: access.deed,
        content: access.to.clone().unwrap_or(Content::Nothing),
        decays: deed_of(access).and_then(|deed| decays(facts, register, deed)),
        superseded: superseded(access.ends),
    });
    std::iter::once(before).chain(changed).collect()
}

/// Whether an operation said that it synced the directory.
fn syncs(deed: &Deed<'_>) -> bool {
    deed.report().is_some_and(Report::says_synced)
}

/// What is found of a value whose bytes were not synced before its name was changed. libxl writes
/// into a temporary file that a killed writer may have left, so that bytes of that may come back.
fn decays(facts: &Facts<'_>, register: &Register, deed: &Deed<'_>) -> Option<Blend> {
    if let Some(action) = deed.action() {
        let (Action::Store { value, .. }
        | Action::StoreIf { value, .. }
        | Action::Update { value, .. }) = action
        else {
            return None;
        };
        let torn = action.durability() == Durability::Process;
        return torn.then(|| Blend::of([value.clone()]));
    }
    let written = facts.deeds.iter().filter_map(|deed| match deed.libxl()? {
        LibxlCall::Store {
            domid,
            userid,
            data,
        } => {
            let owned = register.name.owner().domid;
            let is_its = *userid == register.userid && owned.is_none_or(|owned| owned == *domid);
            is_its.then(|| data.clone())
        }
        _ => None,
    });
    // What was planted in its place is written over, and may come back as well.
    let planted = register
        .accesses
        .iter()
        .filter(|access| access.times == Times::Any)
        .filter_map(|access| Some(access.to.as_ref()?.bytes()?.to_vec()));
    Some(Blend::of(written.chain(planted)))
}
