//! What real libxl may leave of values when two of its writers share their temporary file.
//!
//! libxl writes every new value under one name and renames that. With its lock broken, a second
//! writer empties the file of the first, and goes on writing into it when it has become the value:
//! readers see any mixture of the two, or an empty file. Nothing of that kind can happen to a value
//! that this library writes, whose temporary names are its own.

use super::content::{Content, Need};
use super::facts::Facts;
use super::linearise::{Access, Times};
use super::registers::Register;
use crate::history::LibxlCall;

/// The values that may be mixed up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blend {
    values: Vec<Vec<u8>>,
}

impl Blend {
    pub(crate) fn of(values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut blend = Self::default();
        blend.values.extend(values);
        blend
    }

    /// Whether these bytes may have come of it: each is one that a writer put there, or a zero.
    pub(crate) fn may_give(&self, bytes: &[u8]) -> bool {
        bytes.iter().enumerate().all(|(at, byte)| {
            *byte == 0 && self.values.iter().any(|value| at < value.len())
                || self.values.iter().any(|value| value.get(at) == Some(byte))
        })
    }
}

/// Lets a register hold what a mixture may give, as long as libxl may have mixed.
pub(crate) fn allow(facts: &Facts<'_>, register: &mut Register) {
    let writers: Vec<(usize, usize, Vec<u8>)> = register
        .accesses
        .iter()
        .filter_map(|access| {
            let deed = facts.deeds.get(access.deed?)?;
            match deed.libxl()? {
                LibxlCall::Store { data, .. } if facts.breaks.touch(deed) && !data.is_empty() => {
                    Some((deed.began, deed.ended, data.clone()))
                }
                _ => None,
            }
        })
        .chain(failed_writers(facts, register))
        .collect();
    let overlap = writers.iter().enumerate().any(|(at, one)| {
        writers
            .iter()
            .skip(at + 1)
            .any(|other| one.0 <= other.1 && other.0 <= one.1)
    });
    if !overlap {
        return;
    }
    let begins = writers.iter().map(|writer| writer.0).min().unwrap_or(0);
    let ends = writers.iter().map(|writer| writer.1).max().unwrap_or(0);
    let blend = Blend::of(writers.into_iter().map(|(.., data)| data));
    let mut mixtures: Vec<Content> = vec![Content::Empty];
    let seen = register
        .accesses
        .iter()
        .filter_map(|access| match &access.need {
            Need::Is(content @ Content::Value(bytes)) if blend.may_give(bytes) => Some(content),
            _ => None,
        });
    for content in seen {
        if !mixtures.contains(content) {
            mixtures.push(content.clone());
        }
    }
    let sizes: Vec<usize> = blend.values.iter().map(Vec::len).collect();
    for value in &blend.values {
        mixtures.push(Content::of(value));
        // Of every length that one has, for listings.
        mixtures.extend(
            sizes
                .iter()
                .filter_map(|size| value.get(..*size))
                .map(Content::of),
        );
    }
    register
        .accesses
        .extend(mixtures.into_iter().map(|to| Access {
            deed: None,
            begins,
            ends,
            need: Need::Any,
            to: Some(to),
            times: Times::Any,
        }));
    register.blend = Some(blend);
}

/// Stores of libxl that failed, and may have written into what is the value all the same.
fn failed_writers(facts: &Facts<'_>, register: &Register) -> Vec<(usize, usize, Vec<u8>)> {
    let failed = facts.deeds.iter().filter_map(|deed| match deed.libxl()? {
        LibxlCall::Store { userid, data, .. }
            if *userid == register.userid
                && Some(deed.domid()) == register.name.owner().domid
                && deed.libxl_reply().is_some_and(|(rc, _)| rc != 0)
                && facts.breaks.touch(deed) =>
        {
            Some((deed.began, deed.ended, data.clone()))
        }
        _ => None,
    });
    failed.filter(|(.., data)| !data.is_empty()).collect()
}
