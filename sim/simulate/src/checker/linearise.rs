//! Linearisability of one register: is there an order of the accesses, each at one moment between
//! its beginning and its end, that explains what every one of them saw?
//!
//! Just-in-time linearisation: an access is put into the order only when one that ends needs it.
//! After each event the search remembers a set of pairs: the register's content, and the accesses
//! under way that have happened already. So it looks at equal pasts only once.

use std::collections::{BTreeMap, BTreeSet};

use userdata_core::file_name::FileName;

use super::content::{Content, Need};

/// One access to a register.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// The operation that made it; `None` for the content at the end.
    pub(crate) operation: Option<usize>,
    /// The first and the last moment at which it may have happened.
    pub(crate) begins: usize,
    pub(crate) ends: usize,
    /// What it found.
    pub(crate) need: Need,
    /// What it left, if it changed anything.
    pub(crate) to: Option<Content>,
    /// What it may have left instead.
    pub(crate) or: Vec<Content>,
    /// The value that it left is one of this register.
    pub(crate) source: Option<FileName>,
    pub(crate) times: Times,
}

/// How often an access happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    /// At most once: the process was killed, or got no response.
    Maybe,
    /// As often as it likes.
    Any,
}

/// More accesses are under way at once than the checker has bits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// The result of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Found,
    /// When this access ends, no order is left.
    None(usize),
}

impl Access {
    /// An access at an unknown moment of a span.
    pub(crate) const fn new(
        operation: usize,
        (begins, ends): (usize, usize),
        need: Need,
        to: Option<Content>,
    ) -> Self {
        Self {
            operation: Some(operation),
            begins,
            ends,
            need,
            to,
            or: Vec::new(),
            source: None,
            times: Times::Once,
        }
    }

    /// Everything that it may have left.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &Content> {
        self.to.iter().chain(&self.or)
    }

    pub(crate) fn maybe(mut self) -> Self {
        self.times = Times::Maybe;
        self
    }

    /// The same, but at any time, any number of times, and on any content.
    fn relaxed(&self) -> Option<Self> {
        self.to.is_some().then(|| Self {
            begins: 0,
            ends: usize::MAX,
            need: Need::Any,
            times: Times::Any,
            ..self.clone()
        })
    }
}

/// The contents that may occur, and what each access makes of each.
struct Table {
    initial: usize,
    /// For each access and each content: what may stand there afterwards.
    next: Vec<Vec<Vec<usize>>>,
}

impl Table {
    fn new(initial: &Content, accesses: &[Access]) -> Self {
        let mut contents: Vec<&Content> = vec![initial];
        for to in accesses.iter().flat_map(Access::contents) {
            if !contents.contains(&to) {
                contents.push(to);
            }
        }
        let place = |content: &Content| contents.iter().position(|other| *other == content);
        let next = accesses.iter().map(|access| {
            let to: Vec<usize> = access.contents().filter_map(place).collect();
            let after = |(at, content): (usize, &&Content)| match access.need.is_met(content) {
                false => Vec::new(),
                true if to.is_empty() => vec![at],
                true => to.clone(),
            };
            contents.iter().enumerate().map(after).collect()
        });
        Self {
            initial: 0,
            next: next.collect(),
        }
    }

    fn after(&self, access: usize, content: usize) -> &[usize] {
        let after = self.next.get(access).and_then(|next| next.get(content));
        after.map_or(&[], Vec::as_slice)
    }
}

/// A content, and the accesses under way that have happened.
type Past = (usize, u128);

/// Looks for an order.
pub(crate) fn linearise(initial: &Content, accesses: &[Access]) -> Result<Order, TooMany> {
    let table = Table::new(initial, accesses);
    let mut moments: Vec<(usize, bool, usize)> = Vec::with_capacity(accesses.len() * 2);
    for (at, access) in accesses.iter().enumerate() {
        moments.push((access.begins, false, at));
        // An access that never ends need not have happened.
        if access.ends < usize::MAX || access.times == Times::Once {
            moments.push((access.ends, true, at));
        }
    }
    moments.sort_unstable();
    let mut open: BTreeMap<usize, u128> = BTreeMap::new();
    let mut pasts: BTreeSet<Past> = BTreeSet::from([(table.initial, 0)]);
    for (_, ends, at) in moments {
        let times = accesses.get(at).map_or(Times::Any, |access| access.times);
        if !ends {
            let bit = match times {
                Times::Any => 0,
                _ => free_bit(&open).ok_or(TooMany)?,
            };
            open.insert(at, bit);
            continue;
        }
        let bit = open.get(&at).copied().unwrap_or_default();
        let mut after = happened(&table, &open, &pasts, at, bit);
        if times != Times::Once {
            after.extend(pasts.iter().filter(|(_, done)| done & bit == 0));
        }
        if after.is_empty() {
            return Ok(Order::None(at));
        }
        pasts = after;
        open.remove(&at);
    }
    Ok(Order::Found)
}

fn free_bit(open: &BTreeMap<usize, u128>) -> Option<u128> {
    let taken = open.values().fold(0, |taken, bit| taken | bit);
    (0..128)
        .map(|place| 1 << place)
        .find(|bit| taken & bit == 0)
}

/// Every past in which the access `at` has happened, its bit given back.
fn happened(
    table: &Table,
    open: &BTreeMap<usize, u128>,
    pasts: &BTreeSet<Past>,
    at: usize,
    bit: u128,
) -> BTreeSet<Past> {
    let mut found = BTreeSet::new();
    let mut left: Vec<Past> = Vec::new();
    let mut seen: BTreeSet<Past> = BTreeSet::new();
    for past in pasts {
        if past.1 & bit != 0 {
            found.insert((past.0, past.1 & !bit));
        } else if seen.insert(*past) {
            left.push(*past);
        }
    }
    while let Some((content, done)) = left.pop() {
        for (other, other_bit) in open {
            if done & other_bit != 0 {
                continue;
            }
            for next in table.after(*other, content).iter().copied() {
                if *other == at {
                    found.insert((next, done));
                } else if seen.insert((next, done | other_bit)) {
                    left.push((next, done | other_bit));
                }
            }
        }
    }
    found
}

/// The accesses without which there would be an order, each with whether what it found matters.
///
/// The search leaves out what an access found where that changes nothing. It leaves out a change by
/// letting it happen at any time, any number of times. Both only make more orders possible, so the
/// accesses that remain have no order by themselves.
pub(crate) fn core(initial: &Content, accesses: &[Access], fails: usize) -> Vec<(usize, bool)> {
    let mut kept: Vec<(usize, Option<Access>, bool)> = accesses
        .iter()
        .enumerate()
        .map(|(at, access)| (at, Some(access.clone()), access.need != Need::Any))
        .collect();
    let impossible = |kept: &[(usize, Option<Access>, bool)]| {
        let accesses: Vec<Access> = kept.iter().filter_map(|(_, a, _)| a.clone()).collect();
        matches!(linearise(initial, &accesses), Ok(Order::None(_)))
    };
    let mut core = Vec::new();
    // The latest first, and the one that fails last: the complaint is about that one.
    let order = (0..accesses.len()).rev().filter(|at| *at != fails);
    for at in order.chain([fails]) {
        let Some(access) = accesses.get(at) else {
            continue;
        };
        let attempts = [
            (access.relaxed(), false),
            (
                access.to.is_some().then(|| Access {
                    need: Need::Any,
                    ..access.clone()
                }),
                false,
            ),
        ];
        let mut gone = false;
        for (number, (attempt, needs)) in attempts.into_iter().enumerate() {
            if number == 1 && (access.need == Need::Any || attempt.is_none()) {
                continue;
            }
            let Some(place) = kept.get_mut(at) else {
                continue;
            };
            let before = std::mem::replace(place, (at, attempt, needs));
            if impossible(&kept) {
                gone = number == 0;
                break;
            }
            if let Some(place) = kept.get_mut(at) {
                *place = before;
            }
        }
        if !gone {
            let needs = kept.get(at).is_some_and(|(.., needs)| *needs);
            core.push((at, needs));
        }
    }
    core.sort_unstable();
    core
}
