//! The accesses of an operation to one register, as far as its response shows them.

mod by_libxl;

use userdata::{Outcome, UserdataError, UserdataErrorKind};
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{
    Cleared, Expect, FileType, Keep, Operation as StoreOperation, StoreError, StoreErrorKind,
};
use userdata_core::{DomainKey, Userid, WritableUserid};

use super::content::{Content, Listed, Need};
use super::facts::Facts;
use super::linearise::Access;
use super::operation::Operation;
use super::register::{Register, owner};
use crate::history::{Event, Invocation, LibxlCall};
use crate::walk::is_applied;
use crate::walk::{Action, Report, Slot, flat_name};

/// The accesses of the operation at this place to a register of a domain that it may have
/// concerned.
pub(crate) fn accesses(facts: &Facts<'_>, place: usize, register: &Register) -> Vec<Access> {
    let Some(operation) = facts.operations.get(place) else {
        return Vec::new();
    };
    let made = Made {
        facts,
        place,
        operation,
        register,
    };
    match operation.invocation {
        Invocation::Userdata(action) => made.by_facade(action),
        Invocation::Libxl(call) => made.by_libxl(call),
    }
}

struct Made<'a> {
    facts: &'a Facts<'a>,
    place: usize,
    operation: &'a Operation<'a>,
    register: &'a Register,
}

impl Made<'_> {
    fn access(&self, need: Need, to: Option<Content>) -> Access {
        Access::new(self.place, self.operation.span(), need, to)
    }

    fn read(&self, need: Need) -> Vec<Access> {
        vec![self.access(need, None)]
    }

    fn by_facade(&self, action: &Action) -> Vec<Access> {
        if action
            .slot()
            .is_some_and(|slot| *slot.userid.as_userid() != self.register.userid)
        {
            return Vec::new();
        }
        match action {
            Action::Store { value, .. } => self.store(value, Need::Any),
            Action::StoreIf { value, expect, .. } => {
                let need = match expect {
                    Expect::Absent => Need::Is(Content::Nothing),
                    Expect::Version(version) => Need::Version(*version),
                    _ => Need::Any,
                };
                self.store(value, need)
            }
            Action::Update { value, .. } => self.store(value, Need::Readable),
            Action::Remove { .. } => self.store(&[], Need::Any),
            Action::Clear { keep, .. } => self.clear(*keep),
            Action::Destroy { domain, .. } | Action::DestroyWithError { domain, .. } => {
                self.destroyed(domain)
            }
            Action::DestroyWithExport { domain, .. } => self.exported(domain),
            // Every archive is refused.
            Action::ImportDamaged { .. } => Vec::new(),
            // It clears only if another process destroyed the domain meanwhile.
            Action::DestroyInVain { domain } => {
                let span = self.operation.span();
                match self.facts.lifetimes.ever_leaves(domain, span)
                    || self.facts.lifetimes.ever_gone(domain, span)
                    || self.operation.hypervisor_lied
                {
                    true => self.destroyed(domain),
                    false => Vec::new(),
                }
            }
            Action::Import { domain, values, .. } => {
                let is_this = |userid: &WritableUserid| {
                    *userid.as_userid() == self.register.userid
                        && self.register.is_of(owner(self.facts.format, domain))
                };
                let mut values = values.iter();
                match values.find(|(userid, _)| is_this(userid)) {
                    Some((_, value)) => self.imported(domain, value),
                    None => Vec::new(),
                }
            }
            Action::StoreEach { values, .. } => {
                let mut values = values.iter();
                match values.find(|(slot, _)| self.is_in(slot)) {
                    Some((slot, value)) => self.imported(&slot.domain, value),
                    None => Vec::new(),
                }
            }
            Action::Carry { from, .. } => {
                match self.register.is_of(owner(self.facts.format, from)) {
                    true => self.carried_away(),
                    false => self.carried_from(from),
                }
            }
            Action::Sweep { .. } => self.swept(),
            Action::Retrieve { .. } => match self.operation.report() {
                Some(Report::Read(Some(value))) => {
                    self.read(Need::Is(Content::of(value.as_bytes())))
                }
                Some(Report::Read(None)) => self.read(Need::Is(Content::Nothing)),
                Some(Report::Failed(error)) => self.refused(error),
                _ => Vec::new(),
            },
            Action::List { .. } => match self.operation.report() {
                Some(Report::Listed(entries)) => {
                    let entry = entries.iter().find(|e| e.userid == self.register.userid);
                    let listed = entry.map(|entry| Need::Listed(Listed::of(entry)));
                    self.read(listed.unwrap_or(Need::Is(Content::Nothing)))
                }
                _ => Vec::new(),
            },
        }
    }

    /// A value that is stored together with others. If one of them can't be stored, the old values
    /// are restored, and the new ones may have been read in between.
    fn imported(&self, domain: &DomainKey, value: &[u8]) -> Vec<Access> {
        let to = Content::stored(value);
        let has = |userids: &[Userid]| userids.contains(&self.register.userid);
        match self.operation.stored(domain) {
            Some(Ok(stored)) if has(&stored.stored) => {
                vec![self.access(Need::Any, Some(to))]
            }
            Some(Ok(stored)) if has(&stored.unchanged) => self.read(Need::Is(to)),
            Some(Ok(_)) => Vec::new(),
            Some(Err(error)) if is_applied(error) => {
                vec![self.access(Need::Any, Some(to)).maybe()]
            }
            Some(Err(error)) if !self.may_be_taken_back(error) => Vec::new(),
            _ => {
                let restored = Access {
                    source: Some(self.register.name.clone()),
                    ..self.access(Need::Any, None)
                };
                vec![restored.maybe(), self.access(Need::Any, Some(to)).maybe()]
            }
        }
    }

    fn is_in(&self, slot: &Slot) -> bool {
        self.register.is_of_slot(self.facts.format, slot)
    }

    /// Whether an import that failed may have put some of its values first, and taken them back: it
    /// can't put a value where a directory is.
    fn may_be_taken_back(&self, error: &UserdataError) -> bool {
        let meets_a_file = match error.kind() {
            UserdataErrorKind::Store(error) => {
                matches!(error.kind(), StoreErrorKind::NotRegular(_))
            }
            _ => false,
        };
        meets_a_file
            || self.operation.directory_failed
            || self.facts.broken_locks.touch(self.operation)
    }

    /// The effect of a carry on the domain that gives.
    fn carried_away(&self) -> Vec<Access> {
        match self.operation.report() {
            Some(Report::Carried(carried)) if carried.moved.contains(&self.register.userid) => {
                vec![self.access(Need::Something, Some(Content::Nothing))]
            }
            Some(Report::Carried(_)) => Vec::new(),
            _ => vec![self.access(Need::Any, Some(Content::Nothing)).maybe()],
        }
    }

    /// The effect of a carry on the domain that gets the values.
    fn carried_from(&self, from: &DomainKey) -> Vec<Access> {
        let source = FileName::data(self.facts.format, from, &self.register.userid);
        let access = Access {
            source: source.ok(),
            ..self.access(Need::Any, None)
        };
        match self.operation.report() {
            Some(Report::Carried(carried)) if carried.moved.contains(&self.register.userid) => {
                vec![access]
            }
            Some(Report::Carried(_)) => Vec::new(),
            _ => vec![access.maybe()],
        }
    }

    /// The value that an operation stores under this userid.
    fn stored_by(&self, operation: &Operation<'_>) -> Option<Content> {
        match operation.invocation {
            Invocation::Userdata(Action::Import { values, .. }) => {
                let mut values = values.iter();
                let is_this = |userid: &WritableUserid| *userid.as_userid() == self.register.userid;
                let (_, value) = values.find(|(userid, _)| is_this(userid))?;
                Some(Content::stored(value))
            }
            Invocation::Userdata(Action::StoreEach { values, .. }) => {
                let mut values = values.iter();
                let (_, value) = values.find(|(slot, _)| self.is_in(slot))?;
                Some(Content::stored(value))
            }
            Invocation::Userdata(action) => action
                .slot()
                .filter(|slot| *slot.userid.as_userid() == self.register.userid)
                .and_then(|slot| action.effect_on(slot).flatten())
                .map(Content::of),
            Invocation::Libxl(LibxlCall::Store { userid, data, .. }) => {
                // Storing no bytes removes the value.
                let stores = *userid == self.register.userid && !data.is_empty();
                stores.then(|| Content::of(data))
            }
            Invocation::Libxl(_) => None,
        }
    }

    /// The removals that a sweep reported.
    fn swept(&self) -> Vec<Access> {
        let Some(key) = self.register.name.owner().key() else {
            return Vec::new();
        };
        let span = self.operation.span();
        let removed = match self.operation.report() {
            // Of a directory that could not be listed, not each removal is reported.
            Some(Report::Swept(swept))
                if swept.has_removed(&key, &self.register.userid)
                    || !self.is_in_tree()
                    || !swept.is_unlisted() =>
            {
                swept.has_removed(&key, &self.register.userid)
            }
            _ => {
                let gone = self.facts.lifetimes.ever_gone(&key, span);
                if !gone && !self.operation.hypervisor_lied {
                    return Vec::new();
                }
                let access = self.access(Need::Any, Some(Content::Nothing)).maybe();
                return self.of_the_gone(&key, vec![access]);
            }
        };
        match removed {
            true => {
                let access = self.access(Need::Something, Some(Content::Nothing));
                self.of_the_gone(&key, vec![access])
            }
            false => Vec::new(),
        }
    }

    /// A change of this value that goes ahead if it meets `need`.
    fn store(&self, value: &[u8], need: Need) -> Vec<Access> {
        let to = Content::stored(value);
        let Some(report) = self.operation.report() else {
            let changed = self.change(need, to).into_iter();
            return changed.map(Access::maybe).collect();
        };
        match report {
            Report::Changed(Outcome::Stored { displaced, .. }) => {
                let mut done = self.change(need, to);
                done.extend(self.displaced(*displaced));
                done
            }
            Report::Changed(Outcome::Removed { .. }) => match need {
                Need::Any | Need::Readable => self.change(Need::Something, Content::Nothing),
                need => self.change(need, Content::Nothing),
            },
            Report::Changed(_) => self.read(Need::Is(Content::Nothing)),
            Report::Failed(error) if is_applied(error) => self.change(need, to),
            Report::Failed(error) => match error.kind() {
                UserdataErrorKind::Store(error) => match error.kind() {
                    StoreErrorKind::PreconditionFailed { found } => self.read(Need::found(*found)),
                    _ => self.refused_as(error.kind(), error.operation()),
                },
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// A change that compares first takes effect at one moment only as long as the lock excludes
    /// others. An adversary does not take the lock.
    fn change(&self, need: Need, to: Content) -> Vec<Access> {
        let compares = !matches!(need, Need::Any | Need::Something);
        if compares
            && (self.facts.broken_locks.touch(self.operation) || self.is_planted_meanwhile())
        {
            return vec![self.access(need, None), self.access(Need::Any, Some(to))];
        }
        vec![self.access(need, Some(to))]
    }

    /// Whether an adversary put something in the place of the value during this operation.
    fn is_planted_meanwhile(&self) -> bool {
        let name = self.register.name.as_bytes();
        let all = &self.facts.history.events;
        let end = self.operation.ended.min(all.len());
        let meanwhile = all.get(self.operation.began..end).unwrap_or_default();
        meanwhile
            .iter()
            .any(|event| matches!(event, Event::Planted { file, .. } if file == name))
    }

    /// A file that a store reports as displaced was there a moment before.
    fn displaced(&self, displaced: Option<FileType>) -> Vec<Access> {
        match displaced {
            Some(found) => self.read(Need::Is(Content::Strange(found))),
            None => Vec::new(),
        }
    }

    fn refused(&self, error: &UserdataError) -> Vec<Access> {
        match error.kind() {
            UserdataErrorKind::Store(error) => self.refused_as(error.kind(), error.operation()),
            _ => Vec::new(),
        }
    }

    /// A read that fails on a file has seen that this file is there.
    fn refused_as(&self, kind: &StoreErrorKind, invocation: StoreOperation) -> Vec<Access> {
        let read = invocation == StoreOperation::Read;
        match Content::refused(kind).filter(|_| read) {
            Some(content) => self.read(Need::Is(content)),
            None => Vec::new(),
        }
    }

    fn clear(&self, keep: Keep) -> Vec<Access> {
        let kept = keep == Keep::Essential && self.register.userid.is_libxl_json();
        let Some(report) = self.operation.report() else {
            return vec![self.access(Need::Any, Some(Content::Nothing)).maybe()];
        };
        match report {
            Report::Cleared(Some(cleared), _) => self.cleared(cleared, kept),
            // It can fail as a whole only before it removes anything.
            _ => Vec::new(),
        }
    }

    /// All data of a domain was cleared because it was destroyed: not the data of a domain that
    /// came back with the same key meanwhile.
    fn destroyed(&self, domain: &DomainKey) -> Vec<Access> {
        self.of_the_gone(domain, self.clear(Keep::Nothing))
    }

    /// The same for a domain that was destroyed with an export. The values that were removed are
    /// those that were exported, since no store came in between. Only small scenarios have this
    /// operation, and in none of them does real libxl or a fault come in between.
    fn exported(&self, domain: &DomainKey) -> Vec<Access> {
        let mut destroyed = self.destroyed(domain);
        let Some(values) = self.operation.exported() else {
            return destroyed;
        };
        let mut values = values.iter();
        let value = values.find(|(userid, _)| *userid == self.register.userid);
        let content = value.map_or(Content::Nothing, |(_, value)| Content::of(value.as_bytes()));
        for access in destroyed.iter_mut().filter(|access| access.to.is_some()) {
            access.need = Need::Is(content.clone());
        }
        destroyed
    }

    /// The same accesses, without those to values that were stored after a domain came back with
    /// the key.
    fn of_the_gone(&self, domain: &DomainKey, mut cleared: Vec<Access>) -> Vec<Access> {
        let Some(back) = self
            .facts
            .lifetimes
            .came_back(domain, self.operation.span())
        else {
            return cleared;
        };
        // The values of a domain that came back and ended again are removed with it.
        let ended_again = self
            .facts
            .lifetimes
            .ever_gone(domain, (back, self.operation.ended));
        if ended_again
            || self.operation.hypervisor_lied
            || self.facts.broken_locks.touch(self.operation)
        {
            return cleared;
        }
        let operations = self.facts.operations.iter();
        let newer: Vec<Content> = operations
            .filter(|operation| operation.began > back)
            .filter_map(|operation| self.stored_by(operation))
            .collect();
        for access in cleared.iter_mut().filter(|access| access.to.is_some()) {
            access.need = Need::NoneOf {
                newer: newer.clone(),
                something: access.need == Need::Something,
            };
        }
        cleared
    }

    fn cleared(&self, cleared: &Cleared, kept: bool) -> Vec<Access> {
        if cleared.removed.contains(&self.register.userid) {
            return vec![self.access(Need::Something, Some(Content::Nothing))];
        }
        let name = self.register.name.as_bytes();
        let is_its = |file: &[u8]| file == name || flat_name(file).is_some_and(|flat| flat == name);
        let failed = cleared.failed.iter().any(|error| is_its(error.file()));
        if failed || kept {
            return Vec::new();
        }
        // A directory that was taken away, and can't be listed then, is gone all the same.
        let is_unlisted = |error: &StoreError| error.operation() == StoreOperation::List;
        if self.is_in_tree() && cleared.failed.iter().any(is_unlisted) {
            return vec![self.access(Need::Any, Some(Content::Nothing)).maybe()];
        }
        self.read(Need::Is(Content::Nothing))
    }

    fn is_in_tree(&self) -> bool {
        self.facts.layout == NameFormat::Tree
    }
}
