//! `Expectation`: what may be found after some actions.

use std::collections::BTreeMap;
use std::fmt;

use userdata_core::store::{Durability, Keep};

use super::action::{Action, Slot};

/// What happened before something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The process was killed, or nothing happened at all.
    Kill,
    /// The host lost its power.
    PowerCut,
}

/// What may be in each slot.
#[derive(Clone, Debug)]
pub(crate) struct Expectation(BTreeMap<Slot, Possible>);

#[derive(Clone, Debug)]
struct Possible {
    /// Former contents, which may be there again after a power cut.
    older: Vec<Content>,
    /// The present content.
    live: Content,
    /// The content that an action that has not returned is about to put there.
    coming: Option<Content>,
    /// Whether that action does this to all of its slots at one moment.
    at_once: bool,
    /// Whether an action changes it, or has changed it.
    is_concerned: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    value: Option<Vec<u8>>,
    /// Whether a power cut leaves the bytes whole.
    synced: bool,
}

/// What was found in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Value(Vec<u8>),
    /// A value without bytes, reported as such.
    Empty,
}

impl Expectation {
    /// A value that was stored and is durable.
    pub(crate) fn certain(values: impl IntoIterator<Item = (Slot, Option<Vec<u8>>)>) -> Self {
        let possible = |value| Possible {
            older: Vec::new(),
            live: Content {
                value,
                synced: true,
            },
            coming: None,
            at_once: false,
            is_concerned: false,
        };
        Self(
            values
                .into_iter()
                .map(|(slot, value)| (slot, possible(value)))
                .collect(),
        )
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.keys()
    }

    /// The same while `action` is under way.
    pub(crate) fn during(&self, action: &Action) -> Self {
        let mut during = self.clone();
        for (slot, possible) in &mut during.0 {
            possible.coming = action.effect_on(slot).map(|value| Content {
                value: value.map(<[u8]>::to_vec),
                synced: value.is_none() || action.durability() > Durability::Process,
            });
            possible.is_concerned |= possible.coming.is_some();
        }
        during
    }

    /// The same, if the action clears whole domains, or puts values into one without any, at one
    /// moment.
    pub(crate) fn at_once(mut self, action: &Action) -> Self {
        let is_new = |possible: &Possible| possible.live.value.is_none();
        let mut coming = self.0.values().filter(|possible| possible.coming.is_some());
        let at_once = match action {
            Action::Clear { keep, .. } => *keep == Keep::Nothing,
            Action::Import { .. } => coming.all(is_new),
            action => action.ends_domain(),
        };
        for possible in self.0.values_mut() {
            possible.at_once = at_once && possible.coming.is_some();
        }
        self
    }

    /// Whether some of the slots that change at one moment have changed, and some have not.
    pub(crate) fn is_half_done(&self, mut find: impl FnMut(&Slot) -> Found) -> bool {
        let differing = self.0.iter().filter_map(|(slot, possible)| {
            let coming = possible.coming.as_ref().filter(|_| possible.at_once)?;
            (*coming != possible.live).then(|| coming.is(&find(slot)))
        });
        let changed: Vec<bool> = differing.collect();
        changed.contains(&true) && changed.contains(&false)
    }

    /// The same when `action` has been done; `synced` if it says that it synced the directory.
    pub(crate) fn after(&self, action: &Action, synced: bool) -> Self {
        let mut after = self.during(action);
        for possible in after.0.values_mut() {
            possible.at_once = false;
            if let Some(coming) = possible.coming.take() {
                possible
                    .older
                    .push(std::mem::replace(&mut possible.live, coming));
            }
            if synced {
                possible.older.clear();
            }
        }
        after
    }

    /// The same when `action` has been done to the slots that `reached` tells, and to no others.
    pub(crate) fn partly_after(
        &self,
        action: &Action,
        synced: bool,
        reached: impl Fn(&Slot) -> bool,
    ) -> Self {
        let mut partly = self.clone();
        for (slot, after) in self.after(action, synced).0 {
            if reached(&slot) {
                partly.0.insert(slot, after);
            }
        }
        partly
    }

    /// What is in a slot when no action is under way.
    pub(crate) fn live(&self, slot: &Slot) -> Option<&[u8]> {
        self.0.get(slot)?.live.value.as_deref()
    }

    /// Whether an action changes a slot, or has changed it.
    pub(crate) fn is_concerned(&self, slot: &Slot) -> bool {
        let possible = self.0.get(slot);
        possible.is_some_and(|possible| possible.is_concerned)
    }

    /// Whether a value that was reported as durable is not what was found.
    pub(crate) fn is_lost(&self, slot: &Slot) -> bool {
        self.0.get(slot).is_some_and(|possible| {
            possible.older.is_empty() && possible.coming.is_none() && possible.live.synced
        })
    }

    /// Whether this may be found in a slot.
    pub(crate) fn allows(&self, slot: &Slot, found: &Found, cause: Cause) -> bool {
        let Some(Possible {
            older,
            live,
            coming,
            ..
        }) = self.0.get(slot)
        else {
            return *found == Found::Nothing;
        };
        let mut now = std::iter::once(live).chain(coming);
        match cause {
            Cause::Kill => now.any(|content| content.is(found)),
            Cause::PowerCut => now
                .chain(older)
                .any(|c| c.is(found) || c.may_decay_to(found)),
        }
    }
}

impl Found {
    /// What a file with these bytes is as a value.
    pub(crate) fn of(bytes: Option<&[u8]>) -> Self {
        match bytes {
            None => Self::Nothing,
            Some([]) => Self::Empty,
            Some(bytes) => Self::Value(bytes.to_vec()),
        }
    }
}

impl Content {
    fn is(&self, found: &Found) -> bool {
        match found {
            Found::Nothing => self.value.is_none(),
            Found::Value(bytes) => self.value.as_ref() == Some(bytes),
            Found::Empty => false,
        }
    }

    /// Whether this may be left of bytes that were not synced: any part, with zeros in between.
    fn may_decay_to(&self, found: &Found) -> bool {
        let Some(value) = self.value.as_ref().filter(|_| !self.synced) else {
            return false;
        };
        match found {
            Found::Nothing => false,
            Found::Empty => true,
            Found::Value(bytes) => {
                bytes.len() <= value.len()
                    && bytes
                        .iter()
                        .zip(value)
                        .all(|(found, byte)| *found == 0 || found == byte)
            }
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Value(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Empty => f.write_str("an empty value"),
        }
    }
}
