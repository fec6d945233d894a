//! What real libxl may leave of values when two of its writers share their temporary file.
//!
//! libxl writes every new value under one temporary name and renames that file. With its lock
//! broken, a second writer empties the file of the first, and still writes into it when it has
//! become the value: readers see any mixture of the two, or an empty file. This can't happen to a
//! value that this library writes, because each of its writers has its own temporary name.

use super::content::{Content, Need};
use super::facts::Facts;
use super::linearise::{Access, Times};
use super::register::Register;
use crate::history::LibxlCall;

/// The values that may be mixed up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mixture {
    values: Vec<Vec<u8>>,
}

impl Mixture {
    pub(crate) fn of(values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut mixture = Self::default();
        mixture.values.extend(values);
        mixture
    }

    /// Whether these bytes may be such a mixture: each is one that a writer put there, or a zero.
    pub(crate) fn may_give(&self, bytes: &[u8]) -> bool {
        bytes.iter().enumerate().all(|(at, byte)| {
            *byte == 0 && self.values.iter().any(|value| at < value.len())
                || self.values.iter().any(|value| value.get(at) == Some(byte))
        })
    }
}

/// Lets a register hold any such mixture, as long as libxl may have mixed values.
pub(crate) fn allow(facts: &Facts<'_>, register: &mut Register) {
    let writers: Vec<(usize, usize, Vec<u8>)> = register
        .accesses
        .iter()
        .filter_map(|access| {
            let operation = facts.operations.get(access.operation?)?;
            match operation.libxl()? {
                LibxlCall::Store { data, .. }
                    if facts.broken_locks.touch(operation) && !data.is_empty() =>
                {
                    Some((operation.began, operation.ended, data.clone()))
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
    let mixture = Mixture::of(writers.into_iter().map(|(.., data)| data));
    let mut mixtures: Vec<Content> = vec![Content::Empty];
    let seen = register
        .accesses
        .iter()
        .filter_map(|access| match &access.need {
            Need::Is(content @ Content::Value(bytes)) if mixture.may_give(bytes) => Some(content),
            _ => None,
        });
    for content in seen {
        if !mixtures.contains(content) {
            mixtures.push(content.clone());
        }
    }
    let sizes: Vec<usize> = mixture.values.iter().map(Vec::len).collect();
    for value in &mixture.values {
        mixtures.push(Content::of(value));
        // One of each length, for listings.
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
            operation: None,
            begins,
            ends,
            need: Need::Any,
            to: Some(to),
            or: Vec::new(),
            source: None,
            times: Times::Any,
        }));
    register.mixture = Some(mixture);
}

/// Stores of libxl that failed, and may have written into the value nevertheless.
fn failed_writers(facts: &Facts<'_>, register: &Register) -> Vec<(usize, usize, Vec<u8>)> {
    let failed = facts
        .operations
        .iter()
        .filter_map(|operation| match operation.libxl()? {
            LibxlCall::Store { userid, data, .. }
                if *userid == register.userid
                    && Some(operation.domid()) == register.name.owner().domid
                    && operation.libxl_response().is_some_and(|(rc, _)| rc != 0)
                    && facts.broken_locks.touch(operation) =>
            {
                Some((operation.began, operation.ended, data.clone()))
            }
            _ => None,
        });
    failed.filter(|(.., data)| !data.is_empty()).collect()
}
