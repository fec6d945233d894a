//! Clearing many domains, the names of whose files are read once.

use std::time::Duration;

use userdata_core::DomainKey;
use userdata_core::Userid;
use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::store::{AdmitEach, Cleared, Durability, EachCleared, Keep, StoreError};

use crate::lock::{Cleaning, HeldLock};
use crate::moved::Substitute;
use crate::wait::Timeout;
use crate::{Directory, FileStore};

/// How each of many domains is cleared.
pub(crate) struct ClearEach {
    pub(crate) timeout: Duration,
    pub(crate) durability: Durability,
}

impl ClearEach {
    /// Clears the domains. Those whose names found no room come in another round, so that the
    /// memory is bounded.
    pub(crate) fn run<D: Directory>(
        &self,
        store: &FileStore<D>,
        domains: &[DomainKey],
        admit: AdmitEach<'_>,
        each: EachCleared<'_>,
    ) -> Result<(), StoreError> {
        let mut domains = domains.to_vec();
        while !domains.is_empty() {
            let (names, mut left) = match store.format {
                // Its names have no domids, by which many could be told apart.
                NameFormat::Seed => (Default::default(), domains.clone()),
                _ => store.names_of_many(&domains)?,
            };
            // One that finds no room on its own is read on its own.
            let alone = left.len() == domains.len();
            for (place, domain) in domains.iter().enumerate() {
                let names = match left.binary_search(domain) {
                    Err(_) => named(store.format, domain, names.of(place)),
                    Ok(at) if alone => {
                        left.remove(at);
                        store.names_of(domain)?
                    }
                    Ok(_) => continue,
                };
                let cleared = self.clear(store, domain, names, admit);
                if each(domain, cleared).is_break() {
                    return Ok(());
                }
            }
            domains = left;
        }
        Ok(())
    }

    fn clear<D: Directory>(
        &self,
        store: &FileStore<D>,
        domain: &DomainKey,
        names: Vec<FileName>,
        admit: AdmitEach<'_>,
    ) -> Result<Cleared, StoreError> {
        let timeout = Timeout::start(&*store.directory, self.timeout);
        let mut lock = HeldLock::acquire_cleaning(
            store,
            domain,
            timeout,
            Cleaning::Last,
            Substitute::Temporary,
        )?;
        let mut keep = Keep::Essential;
        let admitted = lock.is_closing().and_then(|closing| {
            store.ask(domain, closing, &mut |state| {
                keep = admit(domain, state)?;
                Ok(())
            })
        });
        let cleared = admitted.and_then(|()| lock.clear_names(names, keep, self.durability, None));
        if keep == Keep::Nothing && cleared.is_ok() {
            lock.is_clean();
        }
        lock.release(cleared, |mut cleared, error| {
            cleared.failed.push(error);
            Ok(cleared)
        })
    }
}

/// The names of a domain's files, in order.
fn named<'a>(
    format: NameFormat,
    domain: &DomainKey,
    endings: impl Iterator<Item = &'a (Kind, Userid)>,
) -> Vec<FileName> {
    let of = |(kind, userid): &(Kind, Userid)| FileName::of(format, *kind, domain, userid).ok();
    let mut names: Vec<FileName> = endings.filter_map(of).collect();
    names.sort();
    names
}
