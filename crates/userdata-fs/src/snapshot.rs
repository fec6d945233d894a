//! The values of a domain as they are at one instant.

use std::ops::ControlFlow;
use std::time::Duration;

use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::StoreError;
use userdata_core::{DomainKey, Userid, Value};

use crate::lock::HeldLock;
use crate::moved::Substitute;
use crate::wait::Timeout;
use crate::{Directory, FileStore};

impl<D: Directory> FileStore<D> {
    /// Passes a domain's values to `each` while its lock is held.
    pub(crate) fn show_values(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let timeout = Timeout::start(&*self.directory, timeout);
        let lock = HeldLock::acquire(self, domain, timeout, Substitute::Temporary)?;
        let shown = lock.value_names(which).and_then(|names| {
            for name in names {
                // A program that takes no lock may remove it meanwhile.
                if let Some(value) = lock.store().read(&name, Some(lock.timeout()))?
                    && each(name.userid(), value).is_break()
                {
                    break;
                }
            }
            // The values are of one instant only if no other process had the lock meanwhile.
            lock.check()
        });
        // All values were read, so a lock file that could not be removed is not an error.
        lock.release(shown, |(), _| Ok(()))
    }
}

impl<D: Directory> HeldLock<'_, D> {
    /// The names of the values for whose userids `which` returns true, in order.
    pub(crate) fn value_names(
        &self,
        which: &dyn Fn(&Userid) -> bool,
    ) -> Result<Vec<FileName>, StoreError> {
        let mut names = self.store().names_of(self.domain())?;
        names.retain(|name| name.kind() == Kind::Data && which(&name.userid()));
        Ok(names)
    }
}
