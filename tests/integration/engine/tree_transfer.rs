//! The transfer of values between two domains of a `TreeStore`.

use std::time::Duration;

use userdata_core::Version;
use userdata_core::store::{
    AdmitBoth, Operation, State, StoreError, StoreErrorKind, Transfer, Transferred,
};
use userdata_fs::Directory;

use super::tree::{TreeStore, failed, name, value_name};
use super::tree_lock::DomainLock;
use super::tree_put_all::Comes;

impl<D: Directory> TreeStore<D> {
    /// Moves values by a rename each, under the locks of both domains.
    pub(super) fn move_values(
        &self,
        transfer: &Transfer<'_>,
        timeout: Duration,
        admit: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError> {
        let (from, to) = (transfer.from(), transfer.to());
        let refused = |kind| StoreError::new(Operation::Admit, from.to_string(), kind);
        if from == to {
            return Err(refused(StoreErrorKind::Unsupported));
        }
        let (boot, started) = (self.child(self.boot.as_str())?, self.root.now());
        let acquire = |key| {
            let waited = self.root.now().saturating_sub(started);
            DomainLock::acquire(&boot, key, timeout.saturating_sub(waited))
        };
        let lower = acquire(from.min(to).to_string())?;
        let higher = acquire(from.max(to).to_string())?;
        let (source, target) = match from < to {
            true => (&lower, &higher),
            false => (&higher, &lower),
        };
        let closing = Self::is_closing(&source.directory)?;
        let states = (
            State::new(closing),
            State::new(Self::is_closing(&target.directory)?),
        );
        admit(&states.0, &states.1).map_err(|reason| refused(StoreErrorKind::Refused(reason)))?;
        let moved = self.give(source, target, transfer)?;
        self.sync(target, transfer.durability())?;
        self.sync(source, transfer.durability())?;
        Ok(moved)
    }

    fn give(
        &self,
        source: &DomainLock<'_, D>,
        target: &DomainLock<'_, D>,
        transfer: &Transfer<'_>,
    ) -> Result<Transferred, StoreError> {
        let mut done = Transferred::default();
        done.durability = transfer.durability();
        let mut moves = Vec::new();
        // Every refusal comes before the first value is moved.
        for userid in Self::values(&source.directory, &|userid| transfer.has(userid))? {
            let file = value_name(&userid);
            let Some(value) = self.read(&source.directory, &file)? else {
                continue;
            };
            let version = Version::of(value.as_bytes());
            match self.comes(&target.directory, &file, version, transfer.clash())? {
                Comes::In | Comes::Twice => moves.push((userid, file)),
                Comes::Late => done.kept.push(userid),
            }
        }
        for (userid, file) in moves {
            source.check()?;
            target.check()?;
            let (from, to) = (&source.directory, &target.directory);
            let renamed = from.rename_into(name(&file), to, name(&file));
            renamed.map_err(|errno| failed(Operation::Replace, &file, errno))?;
            done.moved.push(userid);
        }
        Ok(done)
    }
}
