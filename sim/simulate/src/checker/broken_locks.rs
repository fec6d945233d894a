//! `BrokenLocks`: when the lock of a domain excluded no other process, through no fault of this
//! library.

use userdata_core::Domid;
use userdata_core::file_name::{FileName, Kind, NameFormat};

use super::operation::Operation;
use crate::history::{Event, History, LibxlBug};

/// When locks excluded no other process.
#[derive(Debug, Default)]
pub(crate) struct BrokenLocks(Vec<BrokenLock>);

#[derive(Clone, Copy, Debug)]
struct BrokenLock {
    /// The domain; every domain where a name does not tell.
    domid: Option<Domid>,
    from: usize,
    to: usize,
    /// Whether a process worked on the data without any lock.
    unlocked: bool,
}

impl BrokenLocks {
    /// A lock that was broken stays so until its holder is done. What libxl does meanwhile may
    /// break the next one, since it unlinks the lock file by its name, even that of another holder.
    pub(crate) fn of(history: &History, operations: &[Operation<'_>], format: NameFormat) -> Self {
        let broken = history.events.iter().enumerate().filter_map(|(at, event)| {
            let (domid, unlocked) = match event {
                Event::Libxl { bug, domain, .. } => {
                    (Some(domain.domid), *bug != LibxlBug::UnlinksWithoutHolding)
                }
                Event::Planted { file, .. } => {
                    let name = FileName::parse(format, file).filter(|n| n.kind() != Kind::Data)?;
                    (name.owner().domid, true)
                }
                _ => return None,
            };
            let mut this = BrokenLock {
                domid,
                from: at,
                to: at,
                unlocked,
            };
            this.extend(operations);
            Some(this)
        });
        Self(broken.collect())
    }

    fn of_operation<'s>(
        &'s self,
        operation: &'s Operation<'_>,
    ) -> impl Iterator<Item = &'s BrokenLock> {
        self.0
            .iter()
            .filter(|this| this.concerns(operation) && operation.overlaps((this.from, this.to)))
    }

    /// Whether another process may have changed something although this operation had the lock.
    pub(crate) fn touch(&self, operation: &Operation<'_>) -> bool {
        self.of_operation(operation).next().is_some()
    }

    /// Whether another process may have worked without any lock meanwhile.
    pub(crate) fn leave_unlocked(&self, operation: &Operation<'_>) -> bool {
        self.of_operation(operation).any(|this| this.unlocked)
    }

    /// Whether the lock of a domid was ever broken.
    pub(crate) fn any(&self, domid: Option<Domid>) -> bool {
        self.0
            .iter()
            .any(|this| domid.is_none() || this.domid.is_none() || this.domid == domid)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl BrokenLock {
    fn extend(&mut self, operations: &[Operation<'_>]) {
        let at = self.from;
        let concerned = || {
            operations
                .iter()
                .filter(|operation| self.concerns(operation))
        };
        let holders = concerned().filter(|operation| operation.overlaps((at, at)));
        let mut to = holders
            .map(|operation| operation.ended)
            .fold(at, usize::max);
        loop {
            let spread = concerned()
                .filter(|operation| operation.libxl().is_some() && operation.overlaps((at, to)))
                .map(|operation| operation.ended)
                .max();
            match spread {
                Some(later) if later > to => to = later,
                _ => break,
            }
        }
        self.to = to;
    }

    fn concerns(&self, operation: &Operation<'_>) -> bool {
        self.domid
            .is_none_or(|domid| operation.concerns_domid(domid))
    }
}
