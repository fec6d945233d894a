//! `Registers`: a history as accesses to registers, one for each userid of each domain.

use std::collections::BTreeSet;

use userdata_core::file_name::{FileName, Kind, Owner};
use userdata_core::{DomainKey, Userid};

use super::accesses::accesses;
use super::carried;
use super::content::{Content, Need};
use super::facts::Facts;
use super::linearise::{Access, Times};
use super::mixture;
use super::register::{Register, owner};
use crate::history::{Event, Invocation, LibxlCall};
use crate::walk::{Action, Report};
use userdata_sim::crash::Tree;

/// Every register of the history, with the accesses to it; `left` is what is there at the end.
pub(crate) fn registers(facts: &Facts<'_>, left: Option<&Tree>) -> Vec<Register> {
    let mut names: BTreeSet<FileName> = BTreeSet::new();
    for tree in std::iter::once(&facts.before.tree).chain(left) {
        names.extend(tree.iter().filter_map(|(path, _)| data_name(facts, path)));
    }
    for event in facts.history.events.iter().take(facts.until) {
        if let Event::Planted { file, .. } = event {
            names.extend(data_name(facts, file));
        }
    }
    for operation in &facts.operations {
        let mut add = |key: &DomainKey, userid: &Userid| {
            names.extend(FileName::data(facts.format, key, userid).ok());
        };
        match operation.invocation {
            Invocation::Userdata(Action::Import { domain, values, .. }) => {
                for (userid, _) in values {
                    add(domain, userid.as_userid());
                }
            }
            Invocation::Userdata(Action::StoreEach { values, .. }) => {
                for (slot, _) in values {
                    add(&slot.domain, slot.userid.as_userid());
                }
            }
            Invocation::Userdata(Action::Carry { from, to, .. }) => {
                if let Some(Report::Carried(carried)) = operation.report() {
                    for userid in &carried.moved {
                        add(from, userid);
                        add(to, userid);
                    }
                }
            }
            Invocation::Userdata(Action::Sweep { .. }) => {
                if let Some(Report::Swept(swept)) = operation.report() {
                    for (domain, userid) in &swept.removed {
                        add(domain, userid);
                    }
                }
            }
            Invocation::Userdata(action) => {
                if let Some(slot) = action.slot() {
                    add(&slot.domain, slot.userid.as_userid());
                }
                let userids: Vec<&Userid> = match operation.report() {
                    Some(Report::Listed(entries)) => entries.iter().map(|e| &e.userid).collect(),
                    Some(Report::Cleared(Some(cleared), _)) => cleared.removed.iter().collect(),
                    _ => Vec::new(),
                };
                for userid in userids {
                    add(&action.domain(), userid);
                }
            }
            Invocation::Libxl(
                LibxlCall::Store { domid, userid, .. }
                | LibxlCall::Retrieve { domid, userid }
                | LibxlCall::Unlink { domid, userid },
            ) => {
                for key in facts.lifetimes.keys(*domid, operation.span()) {
                    add(&key, userid);
                }
            }
            Invocation::Libxl(_) => {}
        }
    }
    // What a carry that was cut off had moved is not in the history.
    loop {
        let known = names.len();
        let moved = facts.operations.iter().flat_map(|operation| {
            let (from, to) = match operation.invocation {
                Invocation::Userdata(Action::Carry { from, to, .. }) => (from, to),
                _ => return Vec::new(),
            };
            let given = names
                .iter()
                .filter(|name| name.owner() == owner(facts.format, from));
            let taken =
                given.filter_map(|name| FileName::data(facts.format, to, &name.userid()).ok());
            taken.collect()
        });
        let moved: Vec<FileName> = moved.collect();
        names.extend(moved);
        if names.len() == known {
            break;
        }
    }
    let mut registers: Vec<Register> = names
        .into_iter()
        .map(|name| Register {
            userid: name.userid(),
            initial: Content::found(facts.before.tree.get(name.as_bytes())),
            accesses: Vec::new(),
            mixture: None,
            name,
        })
        .collect();
    plants(facts, &mut registers);
    for (place, operation) in facts.operations.iter().enumerate() {
        let keys = facts.keys_of(place);
        let owners: Vec<Owner> = keys.iter().map(|key| owner(facts.format, key)).collect();
        let sweeps = matches!(
            operation.invocation,
            Invocation::Userdata(Action::Sweep { .. })
        );
        // A wrong answer of the hypervisor can lead libxl to the files of any uuid.
        let astray = operation.libxl().filter(|_| operation.hypervisor_failed);
        for register in &mut registers {
            let owner = register.name.owner();
            if sweeps
                || owners.contains(&owner)
                || astray.is_some() && owner.domid.is_none_or(|domid| domid == operation.domid())
            {
                let done = accesses(facts, place, register);
                register.accesses.extend(done);
            }
        }
    }
    for register in &mut registers {
        if let Some(tree) = left {
            let content = Content::found(tree.get(register.name.as_bytes()));
            register.accesses.push(Access {
                operation: None,
                begins: facts.until,
                ends: facts.until,
                need: Need::Is(content),
                to: None,
                or: Vec::new(),
                source: None,
                times: Times::Once,
            });
        }
        mixture::allow(facts, register);
    }
    carried::resolve(&mut registers);
    registers
}

/// The files that adversaries put there, and those that were under names of libxl's temporary files
/// from the beginning on.
fn plants(facts: &Facts<'_>, registers: &mut [Register]) {
    let events = facts.history.events.iter().enumerate().take(facts.until);
    let planted = events.filter_map(|(at, event)| match event {
        Event::Planted { file, plant, .. } => {
            let name = FileName::parse(facts.format, file)?;
            Some((at, name, Content::planted(plant)))
        }
        _ => None,
    });
    let there = facts.before.tree.iter().filter_map(|(path, entry)| {
        let name = FileName::parse(facts.format, path).filter(|name| name.kind() == Kind::New)?;
        Some((0, name, Content::found(Some(entry))))
    });
    for (at, name, content) in planted.chain(there) {
        // A file under the name of libxl's temporary file becomes the value when libxl stores. It
        // may be that of another uuid, if the domain gets that before libxl computes the value's
        // name.
        let (ends, times) = match name.kind() {
            Kind::Data => (at, Times::Once),
            Kind::New => (usize::MAX, Times::Any),
            _ => continue,
        };
        let (owner, userid) = (name.owner(), name.userid());
        let becomes = |register: &&mut Register| {
            let renamed = name.kind() == Kind::New && register.name.owner().domid == owner.domid;
            (register.is_of(owner) || renamed) && register.userid == userid
        };
        for register in registers.iter_mut().filter(becomes) {
            register.accesses.push(Access {
                operation: None,
                begins: at,
                ends,
                need: Need::Any,
                to: Some(content.clone()),
                or: Vec::new(),
                source: None,
                times,
            });
        }
    }
}

fn data_name(facts: &Facts<'_>, path: &[u8]) -> Option<FileName> {
    FileName::parse(facts.format, path).filter(|name| name.kind() == Kind::Data)
}
