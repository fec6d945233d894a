//! Listing the values of one domain, and every record of all domains.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use userdata_core::file_name::{DomainSelection, FileName, Kind};
use userdata_core::store::{Condition, Entry, FileType, Found, Operation, StoreError};
use userdata_core::{DomainKey, Userid};

use crate::failure::kind_of;
use crate::layout::Layout;
use crate::read::entry_of;
use crate::tree::reading::is_gone;
use crate::{Directory, Errno, FileStore};

/// How many files a domain usually has at most.
const FILES_USUAL: usize = 8;

/// What tells the files of one domain apart.
pub(crate) type Ending = (Kind, Userid);

pub(crate) fn ending(name: &FileName) -> Ending {
    (name.kind(), name.userid())
}

/// The order of the names of one domain.
pub(crate) fn in_order(one: &Ending, other: &Ending) -> Ordering {
    let letters = one.0.letter().cmp(&other.0.letter());
    letters.then_with(|| one.1.cmp(&other.1))
}

impl<D: Directory> FileStore<D> {
    /// The values of one domain, in order of userid.
    pub(crate) fn entries(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError> {
        let userids = self.userids_of(domain)?;
        let mut entries = Vec::with_capacity(userids.len());
        // Of each value only the userid is kept meanwhile: a domain may have very many.
        for userid in userids {
            let name = self.data_name(domain, &userid)?;
            // A value that was removed after the directory was read is not listed.
            entries.extend(self.entry(&name)?);
        }
        Ok(entries)
    }

    /// The userids of one domain's values, in order.
    fn userids_of(&self, domain: &DomainKey) -> Result<Vec<Userid>, StoreError> {
        let selection = DomainSelection::new(self.format, domain);
        let mut userids = Vec::with_capacity(FILES_USUAL);
        let listed = self.directory.list(&mut |name| {
            let name = selection.select(name.as_bytes());
            let data = name.filter(|name| name.kind() == Kind::Data);
            userids.extend(data.map(|name| name.userid()));
            ControlFlow::Continue(())
        });
        listed.map_err(|errno| unlisted(&domain.to_string(), errno))?;
        userids.sort_unstable();
        // The kernel may show a name twice if the directory changes meanwhile.
        userids.dedup();
        Ok(userids)
    }

    /// The names of all files of one domain, in order.
    pub(crate) fn names_of(&self, domain: &DomainKey) -> Result<Vec<FileName>, StoreError> {
        self.select_of(domain, |name| name, FileName::cmp)
    }

    /// The same without what all names of the domain begin with: less than half of the memory.
    pub(crate) fn endings_of(&self, domain: &DomainKey) -> Result<Vec<Ending>, StoreError> {
        self.select_of(domain, |name| ending(&name), in_order)
    }

    fn select_of<T: PartialEq>(
        &self,
        domain: &DomainKey,
        of: fn(FileName) -> T,
        order: fn(&T, &T) -> Ordering,
    ) -> Result<Vec<T>, StoreError> {
        if let Layout::Tree(tree) = &self.layout {
            let view = self.view_to(tree, domain, Operation::List)?;
            return match view.map(|view| view.select_of(domain, of, order)) {
                Some(Err(error)) if !is_gone(&error) => Err(error),
                names => Ok(names.and_then(Result::ok).unwrap_or_default()),
            };
        }
        let selection = DomainSelection::new(self.format, domain);
        let mut names = Vec::with_capacity(FILES_USUAL);
        let listed = self.directory.list(&mut |name| {
            names.extend(selection.select(name.as_bytes()).map(of));
            ControlFlow::Continue(())
        });
        listed.map_err(|errno| unlisted(&domain.to_string(), errno))?;
        names.sort_unstable_by(order);
        // The kernel may show a name twice if the directory changes meanwhile.
        names.dedup();
        Ok(names)
    }

    /// Shows every record of every domain, as it is found.
    pub(crate) fn records(
        &self,
        each: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut failure = None;
        let listed = self.directory.list(&mut |name| {
            let Some(name) = self.parse(name.as_bytes()) else {
                return ControlFlow::Continue(());
            };
            match self.found(&name) {
                Ok(Some(found)) => each(found),
                Ok(None) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        listed.map_err(|errno| unlisted("all domains", errno))?;
        failure.map_or(Ok(()), Err)
    }

    fn found(&self, name: &FileName) -> Result<Option<Found>, StoreError> {
        let metadata = match self.directory.metadata_at(name.into()) {
            Ok(metadata) => metadata,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => {
                return Err(StoreError::new(Operation::Inspect, name, kind_of(errno)));
            }
        };
        let mut entry = entry_of(name, &metadata);
        if name.kind() != Kind::Data && metadata.file_type == FileType::Regular {
            // Only a value must have bytes.
            entry.condition = Condition::Whole;
        }
        Ok(Some(Found::new(name.owner(), name.kind(), entry)))
    }
}

pub(crate) fn unlisted(what: &str, errno: Errno) -> StoreError {
    StoreError::new(Operation::List, what, kind_of(errno))
}
