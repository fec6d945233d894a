//! Why a register's accesses have no order, in words.

use super::complaint::Complaint;
use super::content::{Content, Need};
use super::facts::Facts;
use super::linearise::{Access, Order, TooMany, core, linearise};
use super::mixture::Mixture;
use super::register::Register;
use crate::history::{Invocation, LibxlCall};
use crate::walk::{Action, Guarantee};

/// Checks one register.
pub(crate) fn check(
    facts: &Facts<'_>,
    registers: &[Register],
    register: &Register,
) -> Result<Option<Complaint>, TooMany> {
    match linearise(&register.initial, &register.accesses)? {
        Order::Found => Ok(None),
        Order::None(fails) => Ok(Some(explain(facts, registers, register, fails))),
    }
}

fn explain(
    facts: &Facts<'_>,
    registers: &[Register],
    register: &Register,
    fails: usize,
) -> Complaint {
    let core = core(&register.initial, &register.accesses, fails);
    let part = |at: &usize| register.accesses.get(*at);
    let story = Story {
        facts,
        registers,
        register,
        core: core.iter().filter_map(|(at, _)| part(at)).collect(),
    };
    let (guarantee, why, also) = match part(&fails) {
        Some(access) => story.of(access),
        None => (
            Guarantee::Atomic,
            "no order explains it".to_owned(),
            Vec::new(),
        ),
    };
    let operations = story
        .core
        .iter()
        .filter_map(|access| access.operation)
        .chain(also);
    let file = Some(register.name.to_string());
    Complaint::new(facts, guarantee, file, why, operations)
}

struct Story<'a> {
    facts: &'a Facts<'a>,
    registers: &'a [Register],
    register: &'a Register,
    /// The operations that are involved.
    core: Vec<&'a Access>,
}

/// The guarantee, the explanation, and other operations that are involved.
type Explanation = (Guarantee, String, Vec<usize>);

impl Story<'_> {
    /// What is wrong when `last` can't be fitted in.
    fn of(&self, last: &Access) -> Explanation {
        let seen = match last.operation {
            Some(_) => "was seen",
            None => "stands there at the end",
        };
        match (&last.need, &last.to) {
            (Need::Is(Content::Value(bytes)), None) => self.value(bytes, seen),
            (Need::Is(Content::Empty), None) => self.never_written(
                Guarantee::Empty,
                &Content::Empty,
                format!("an empty value {seen}, and no operation left one"),
            ),
            (Need::Is(Content::Nothing), None) => self.nothing(last, seen),
            (Need::Is(strange @ Content::Strange(_)), None) => self.never_written(
                Guarantee::Isolated,
                strange,
                format!("{strange} {seen}, and no process put one there"),
            ),
            (need, None) => match self.is_precondition(last) {
                true => (
                    Guarantee::HonestErrors,
                    format!("a precondition is reported to have met {need}, which was never there"),
                    Vec::new(),
                ),
                false => (
                    Guarantee::Atomic,
                    format!("{need} {seen}, and no order of the changes allows it"),
                    Vec::new(),
                ),
            },
            (Need::NoneOf { .. }, Some(_)) => (
                Guarantee::Lifetime,
                "data of a living domain was removed: it came back with the same key".to_owned(),
                Vec::new(),
            ),
            (need, Some(to)) => (
                Guarantee::Atomic,
                format!(
                    "it is reported to have gone from {need} to {to}, but no order of the changes \
                     leaves {need} there at that time"
                ),
                Vec::new(),
            ),
        }
    }

    /// A content that was never there, or at another time.
    fn never_written(&self, guarantee: Guarantee, content: &Content, never: String) -> Explanation {
        if self.was_ever(content) {
            let why = format!("{content} was seen at a time at which it can't have stood there");
            return (Guarantee::Atomic, why, Vec::new());
        }
        (guarantee, never, Vec::new())
    }

    fn was_ever(&self, content: &Content) -> bool {
        let left = |access: &Access| access.contents().any(|left| left == content);
        self.register.initial == *content || self.register.accesses.iter().any(left)
    }

    fn value(&self, bytes: &[u8], seen: &str) -> Explanation {
        let value = Content::of(bytes);
        if self.was_ever(&value) {
            return self.another_time(&value, seen);
        }
        if let Some(place) = self.stored_in_vain(bytes) {
            let why = format!("{value} {seen}, and its store reported that it changed nothing");
            return (Guarantee::HonestErrors, why, vec![place]);
        }
        if let Some((other, operation)) = self.elsewhere(&value) {
            let why = format!("{value} {seen}, which is a value of {}", other.name);
            return (Guarantee::Isolated, why, operation.into_iter().collect());
        }
        match self.mixed_of(bytes) {
            Some(writers) => {
                let why = format!("{value} {seen}, a mixture or a part of what was stored");
                (Guarantee::Atomic, why, writers)
            }
            None => {
                let why = format!("{value} {seen}, and no operation stored it");
                (Guarantee::Atomic, why, Vec::new())
            }
        }
    }

    /// The fewest operations whose values these bytes may be parts of.
    fn mixed_of(&self, bytes: &[u8]) -> Option<Vec<usize>> {
        let initial = self.register.initial.bytes().map(|bytes| (None, bytes));
        let stored = self
            .register
            .accesses
            .iter()
            .filter_map(|access| Some((access.operation, access.to.as_ref()?.bytes()?)));
        let mut values: Vec<(Option<usize>, &[u8])> = initial.into_iter().chain(stored).collect();
        let gives = |values: &[(Option<usize>, &[u8])]| {
            Mixture::of(values.iter().map(|(_, value)| value.to_vec())).may_give(bytes)
        };
        if !gives(&values) {
            return None;
        }
        let mut at = 0;
        while at < values.len() {
            let one = values.remove(at);
            if !gives(&values) {
                values.insert(at, one);
                at += 1;
            }
        }
        Some(
            values
                .iter()
                .filter_map(|(operation, _)| *operation)
                .collect(),
        )
    }

    fn another_time(&self, value: &Content, seen: &str) -> Explanation {
        let clears = self.core.iter().any(|access| self.clears(access));
        let gone = self.core.iter().any(|a| a.to == Some(Content::Nothing));
        let (guarantee, why) = match (clears, gone) {
            (true, _) => (
                Guarantee::Lifetime,
                "although all data of the domain had been removed",
            ),
            (_, true) => (Guarantee::Atomic, "although it had been removed"),
            _ => (
                Guarantee::Atomic,
                "although it had been replaced, or not been stored yet",
            ),
        };
        (guarantee, format!("{value} {seen} {why}"), Vec::new())
    }

    fn nothing(&self, last: &Access, seen: &str) -> Explanation {
        let put = self
            .core
            .iter()
            .any(|a| a.to.is_some() && a.ends < last.begins);
        let was_there = put || self.register.initial != Content::Nothing;
        let removal = |a: &Access| a.to == Some(Content::Nothing) && a.begins < last.ends;
        if !was_there || self.register.accesses.iter().any(removal) {
            let why = format!("no value {seen}, at a time at which one must have stood there");
            return (Guarantee::Atomic, why, Vec::new());
        }
        let still = self.register.accesses.iter().find(|later| {
            later.begins > last.ends
                && later.to.is_none()
                && matches!(later.need, Need::Is(Content::Value(_)))
        });
        match still {
            Some(later) => (
                Guarantee::HonestErrors,
                format!("no value {seen}, and yet it stood there before and afterwards"),
                later.operation.into_iter().collect(),
            ),
            None => (
                Guarantee::Isolated,
                format!("no value {seen}, and no operation removed the one that stood there"),
                Vec::new(),
            ),
        }
    }

    /// Whether a register's access is a store's report of its precondition.
    fn is_precondition(&self, access: &Access) -> bool {
        let operation = access
            .operation
            .and_then(|place| self.facts.operations.get(place));
        matches!(
            operation.and_then(super::operation::Operation::action),
            Some(Action::StoreIf { .. })
        )
    }

    fn clears(&self, access: &Access) -> bool {
        let operation = access
            .operation
            .and_then(|place| self.facts.operations.get(place));
        operation.is_some_and(|operation| {
            matches!(
                operation.invocation,
                Invocation::Userdata(Action::Clear { .. } | Action::Destroy { .. })
                    | Invocation::Libxl(LibxlCall::Destroy { .. })
            )
        })
    }

    /// The operation that stored these bytes here, and reported that it did not.
    fn stored_in_vain(&self, bytes: &[u8]) -> Option<usize> {
        self.facts.operations.iter().position(|operation| {
            let Some(slot) = operation.action().and_then(Action::slot) else {
                return false;
            };
            let effect = operation.action().and_then(|action| action.effect_on(slot));
            *slot.userid.as_userid() == self.register.userid
                && self
                    .register
                    .is_of(super::register::owner(self.facts.format, &slot.domain))
                && effect == Some(Some(bytes))
        })
    }

    /// Another register that ever held this value, and the operation that stored it there.
    fn elsewhere(&self, value: &Content) -> Option<(&Register, Option<usize>)> {
        self.registers
            .iter()
            .filter(|other| other.name != self.register.name)
            .find_map(|other| {
                let stored = other.accesses.iter().find(|a| a.to.as_ref() == Some(value));
                match stored {
                    Some(access) => Some((other, access.operation)),
                    None => (other.initial == *value).then_some((other, None)),
                }
            })
    }
}
