//! Reading in a tree: without a lock, and without making a directory.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use userdata_core::file_name::{DomainDirectory, FileName};
use userdata_core::store::{Entry, Found, Operation, Owned, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Userid, Value};

use crate::failure::kind_of;
use crate::layout::named_within;
use crate::listing::unlisted;
use crate::tree::{Boot, Tree, name_of};
use crate::{Directory, Errno, FileStore, Name};

/// How often a list starts over because the directory was taken away.
const LISTS_MAX: u32 = 64;

impl<D: Directory> FileStore<D> {
    /// Reads a value: `openat2` of both names, `fstat`, `read`, `close`. Where there is no
    /// `openat2`, the directory is opened before and closed after.
    pub(crate) fn get_in(
        &self,
        tree: &Tree<D>,
        domain: &DomainKey,
        name: &FileName,
    ) -> Result<Option<Value>, StoreError> {
        let Some(boot) = tree.boot(&self.directory, Operation::Read)? else {
            return Ok(None);
        };
        if tree.has_openat2.load(Ordering::Relaxed) {
            let child = FileName::lock(self.format, domain);
            let open = || boot.directory.open_in((&child).into(), name.into());
            match self.read_opened(name, None, open)? {
                Ok(value) => return Ok(value),
                Err(Errno::NOSYS | Errno::PERM) => {
                    tree.has_openat2.store(false, Ordering::Relaxed);
                }
                // The slower way below returns an error that says why.
                Err(_) => {}
            }
        }
        match self.view(boot, domain, Operation::Read)? {
            Some(view) => view.read(name, None),
            None => Ok(None),
        }
    }

    /// Reads a value into the caller's buffer, by the same calls.
    pub(crate) fn get_into_in(
        &self,
        tree: &Tree<D>,
        domain: &DomainKey,
        userid: &Userid,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, StoreError> {
        let Some(boot) = tree.boot(&self.directory, Operation::Read)? else {
            return Ok(None);
        };
        if tree.has_openat2.load(Ordering::Relaxed) {
            let mut bytes = [0; FileName::LEN_MAX];
            let child = FileName::write_directory(domain, &mut bytes);
            let child = name_of(child, Operation::Read)?;
            let open = |name: Name<'_>| boot.directory.open_in(child, name);
            match self.read_opened_into(domain, userid, buffer, open)? {
                Ok(size) => return Ok(size),
                Err(Errno::NOSYS | Errno::PERM) => {
                    tree.has_openat2.store(false, Ordering::Relaxed);
                }
                // The slower way below returns an error that says why.
                Err(_) => {}
            }
        }
        match self.view(boot, domain, Operation::Read)? {
            Some(view) => view.read_into(domain, userid, buffer),
            None => Ok(None),
        }
    }

    pub(crate) fn stat_in(
        &self,
        tree: &Tree<D>,
        domain: &DomainKey,
        name: &FileName,
    ) -> Result<Option<Entry>, StoreError> {
        match self.view_to(tree, domain, Operation::Inspect)? {
            Some(view) => view.entry(name),
            None => Ok(None),
        }
    }

    /// The store in a domain's directory, if the domain has one.
    pub(crate) fn view_to(
        &self,
        tree: &Tree<D>,
        domain: &DomainKey,
        operation: Operation,
    ) -> Result<Option<Self>, StoreError> {
        match tree.boot(&self.directory, operation)? {
            Some(boot) => self.view(boot, domain, operation),
            None => Ok(None),
        }
    }

    /// The values of one domain. If its directory lost its name meanwhile, some of them may have
    /// been removed with it, so the list starts over.
    pub(crate) fn entries_in(
        &self,
        tree: &Tree<D>,
        domain: &DomainKey,
    ) -> Result<Vec<Entry>, StoreError> {
        let failed = |kind| StoreError::new(Operation::List, domain.to_string(), kind);
        let name = FileName::lock(self.format, domain);
        for _ in 0..LISTS_MAX {
            let Some(boot) = tree.boot(&self.directory, Operation::List)? else {
                return Ok(Vec::new());
            };
            let Some(view) = self.view(boot, domain, Operation::List)? else {
                return Ok(Vec::new());
            };
            let entries = view.entries(domain);
            let own = view.directory.own_metadata();
            let own = own.map_err(|errno| failed(kind_of(errno)))?;
            match boot.directory.metadata_by_path((&name).into()) {
                Ok(named) if named.identity == own.identity => return entries,
                Ok(_) | Err(Errno::NOENT) => self.check_boot(tree, Operation::List, &name)?,
                Err(errno) => return Err(failed(kind_of(errno))),
            }
        }
        Err(failed(StoreErrorKind::GaveUp { tries: LISTS_MAX }))
    }

    /// Shows every record of every domain.
    pub(crate) fn records_in(
        &self,
        tree: &Tree<D>,
        each: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let Some(boot) = tree.boot(&self.directory, Operation::List)? else {
            return Ok(());
        };
        let mut goes_on = true;
        for domain in keys(boot)? {
            let view = match self.view(boot, &domain, Operation::List) {
                // It is not a record. A list of the domain, or a change, reports it.
                Err(error) if is_not_directory(&error) => continue,
                view => view?,
            };
            let Some(view) = view else {
                continue;
            };
            let shown = view.records(&mut |found| {
                let flow = each(found);
                goes_on = flow.is_continue();
                flow
            });
            match shown {
                // It was removed while it was read.
                Err(error) if is_gone(&error) => {}
                shown => shown.map_err(|error| named_within(error, &domain.to_string()))?,
            }
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// Every incarnation that has a directory, once and in order. A file or a link under the name
    /// of a domain's directory counts as a leftover, and so does an empty directory.
    pub(crate) fn owned_in(&self, tree: &Tree<D>) -> Result<Vec<Owned>, StoreError> {
        let Some(boot) = tree.boot(&self.directory, Operation::List)? else {
            return Ok(Vec::new());
        };
        let keys = keys(boot)?.into_iter();
        Ok(keys.map(|key| Owned::uncounted(key.into())).collect())
    }
}

/// Whether a listing failed because the directory has been removed.
pub(crate) fn is_gone(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::NoDirectory(_))
}

fn is_not_directory(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::NotDirectory(_))
}

/// The domains that have a directory, in order.
pub(crate) fn keys<D: Directory>(boot: &Boot<D>) -> Result<Vec<DomainKey>, StoreError> {
    let mut keys = Vec::new();
    let listed = boot.directory.list(&mut |name| {
        let directory = DomainDirectory::parse(name.as_bytes());
        keys.extend(directory.map(|directory| directory.key()));
        ControlFlow::Continue(())
    });
    listed.map_err(|errno| unlisted("all domains", errno))?;
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}
