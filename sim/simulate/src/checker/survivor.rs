//! `Survivor`: what a power cut may leave of a register.

use super::content::Content;
use super::facts::Facts;
use super::linearise::{Access, Times};
use super::mixture::Mixture;
use super::operation::Operation;
use super::register::{self, Register};
use crate::history::LibxlCall;
use crate::walk::{Action, Report, is_synced};
use userdata_core::file_name::{NameFormat, Owner};
use userdata_core::store::Durability;
use userdata_core::{DomainKey, WritableUserid};

/// A change of a register, as the disk may hold it.
#[derive(Clone, Debug)]
pub(crate) struct Survivor {
    /// The operation that made it; `None` if it was there before, or was planted.
    pub(crate) operation: Option<usize>,
    pub(crate) content: Content,
    /// What may be found of bytes that were not synced.
    decays: Option<Mixture>,
    /// A later change that is certain to be on the disk, so that this one is not found.
    pub(crate) superseded: Option<Option<usize>>,
}

impl Survivor {
    pub(crate) fn may_be(&self, found: &Content) -> bool {
        self.content == *found
            || match (&self.decays, found.bytes()) {
                (Some(mixture), Some(bytes)) => mixture.may_give(bytes),
                _ => false,
            }
    }
}

/// Everything that was put into a register, with whether it may still be found.
///
/// A change is on the disk for certain when its operation reported so, or when an operation that
/// began after its end did: a sync of a directory persists all its names. A change that ended
/// before such a change began is gone.
pub(crate) fn survivors(facts: &Facts<'_>, register: &Register) -> Vec<Survivor> {
    let owner = register.name.owner();
    let syncs = |operation: &Operation<'_>| syncs(facts, operation, owner);
    let synced = facts.operations.iter().filter(|operation| syncs(operation));
    let last_sync = synced.map(|operation| operation.began).max().unwrap_or(0);
    let operation_of = |access: &Access| facts.operations.get(access.operation?);
    let changes: Vec<&Access> = register
        .accesses
        .iter()
        .filter(|access| access.to.is_some())
        .collect();
    // When the change that is certain to be on the disk began, and which one it is.
    let certain: Vec<(usize, Option<usize>)> = changes
        .iter()
        .filter(|access| access.times == Times::Once)
        .filter(|access| match operation_of(access) {
            // A planted file is durable at once.
            None => true,
            Some(operation) => syncs(operation) || access.ends < last_sync,
        })
        .map(|access| (access.begins, access.operation))
        .collect();
    let superseded = |ends: usize| {
        let later = certain.iter().find(|(begins, _)| ends < *begins);
        later.map(|(_, operation)| *operation)
    };
    let before = Survivor {
        operation: None,
        content: register.initial.clone(),
        decays: None,
        superseded: certain.first().map(|(_, operation)| *operation),
    };
    let changed = changes.iter().flat_map(|access| {
        let decays = operation_of(access).and_then(|operation| decays(facts, register, operation));
        let left = access.contents().map(move |content| Survivor {
            operation: access.operation,
            content: content.clone(),
            decays: decays.clone().or_else(|| carried_decays(facts, access)),
            superseded: superseded(access.ends),
        });
        left.collect::<Vec<_>>()
    });
    std::iter::once(before).chain(changed).collect()
}

/// Whether an operation reported that it synced the directory of this owner's values. In a tree
/// each domain has its own.
fn syncs(facts: &Facts<'_>, operation: &Operation<'_>, owner: Owner) -> bool {
    let is_there = |domain: &DomainKey| {
        facts.layout != NameFormat::Tree || register::owner(facts.format, domain) == owner
    };
    match operation.report() {
        Some(Report::StoredEach(results)) => results
            .iter()
            .any(|(domain, result)| is_there(domain) && result.as_ref().is_ok_and(is_synced)),
        Some(report) => {
            let action = operation.action();
            let domains = action.map(Action::domains).unwrap_or_default();
            report.says_synced() && domains.iter().any(is_there)
        }
        None => false,
    }
}

/// What may be found of a value that was carried without a sync, or may have been.
fn carried_decays(facts: &Facts<'_>, access: &Access) -> Option<Mixture> {
    access.source.as_ref()?;
    let action = facts.operations.get(access.operation?)?.action()?;
    let bytes = access.contents().filter_map(Content::bytes);
    (action.durability() == Durability::Process).then(|| Mixture::of(bytes.map(<[u8]>::to_vec)))
}

/// What may be found of a value whose bytes were not synced before its rename. libxl writes into a
/// temporary file that a killed writer may have left, so that bytes of that may come back.
fn decays(facts: &Facts<'_>, register: &Register, operation: &Operation<'_>) -> Option<Mixture> {
    if let Some(action) = operation.action() {
        let value = match action {
            Action::Store { value, .. }
            | Action::StoreIf { value, .. }
            | Action::Update { value, .. } => value,
            Action::Import { values, .. } => {
                let mut values = values.iter();
                let is_this = |userid: &WritableUserid| *userid.as_userid() == register.userid;
                &values.find(|(userid, _)| is_this(userid))?.1
            }
            Action::StoreEach { values, .. } => {
                let mut values = values.iter();
                &values
                    .find(|(slot, _)| register.is_of_slot(facts.format, slot))?
                    .1
            }
            _ => return None,
        };
        let torn = action.durability() == Durability::Process;
        return torn.then(|| Mixture::of([value.clone()]));
    }
    let written = facts
        .operations
        .iter()
        .filter_map(|operation| match operation.libxl()? {
            LibxlCall::Store {
                domid,
                userid,
                data,
            } => {
                let owned = register.name.owner().domid;
                let is_its =
                    *userid == register.userid && owned.is_none_or(|owned| owned == *domid);
                is_its.then(|| data.clone())
            }
            _ => None,
        });
    // The bytes of a file that was planted there are overwritten, and may come back as well.
    let planted = register
        .accesses
        .iter()
        .filter(|access| access.times == Times::Any)
        .filter_map(|access| Some(access.to.as_ref()?.bytes()?.to_vec()));
    Some(Mixture::of(written.chain(planted)))
}
