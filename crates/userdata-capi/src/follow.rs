//! Export and import: the values of a domain as an archive.

use std::fs::File;
use std::io::BufWriter;

use userdata::follow::{Limits, Selection};
use userdata::store::{Clash, Put};
use userdata::value::NonEmpty;
use userdata::{DomainKey, Target};
use userdata_archive::Archive;

use crate::context::{Context, Warnings};
use crate::failure::{Failure, line};

/// `USERDATA_EXPORT_ALL`.
const EXPORT_ALL: u32 = 1;
/// `USERDATA_IMPORT_REPLACE`, `USERDATA_IMPORT_KEEP` and `USERDATA_IMPORT_ALL`.
const IMPORT_REPLACE: u32 = 1;
const IMPORT_KEEP: u32 = 2;
const IMPORT_ALL: u32 = 4;

/// Which values an export takes along.
pub(crate) fn export_flags(flags: u32) -> Result<Selection, Failure> {
    match flags {
        0 => Ok(Selection::new()),
        EXPORT_ALL => Ok(Selection::everything()),
        _ => Err(Failure::Unknown("flags")),
    }
}

/// Which values an import stores, and what it does with others that are there.
pub(crate) fn import_flags(flags: u32) -> Result<(Selection, Clash), Failure> {
    let which = match flags & IMPORT_ALL {
        0 => Selection::new(),
        _ => Selection::everything(),
    };
    let clash = match flags & !IMPORT_ALL {
        0 => Clash::Refuse,
        IMPORT_REPLACE => Clash::Replace,
        IMPORT_KEEP => Clash::Keep,
        _ => return Err(Failure::Unknown("flags")),
    };
    Ok((which, clash))
}

impl Context {
    pub(crate) fn export(
        &self,
        domain: Target,
        file: File,
        which: &Selection,
    ) -> Result<(), Failure> {
        let limits = Limits::default();
        let exported = self.userdata.export(domain, which, &limits)?;
        let key = exported.domain;
        let archive = Archive::new(key, self.name(key), exported.values);
        let archive = archive.map_err(Failure::Contents)?;
        archive
            .write(BufWriter::new(file), &self.archive_limits())
            .map_err(Failure::Write)
    }

    /// Reads and verifies the whole archive before anything is locked.
    pub(crate) fn import(
        &self,
        domain: Target,
        file: File,
        (which, clash): (Selection, Clash),
        warnings: &mut Warnings,
    ) -> Result<(), Failure> {
        let archive = Archive::read(file, &self.archive_limits()).map_err(Failure::Read)?;
        let values: Vec<_> = archive
            .values()
            .iter()
            .filter(|(userid, _)| which.has(userid.as_userid()))
            .filter_map(|(userid, value)| Some(Put::new(userid, NonEmpty::new(value.as_bytes())?)))
            .collect();
        let stored = self.userdata.import(domain, &values, clash)?;
        // All values are in place; what stays besides is a temporary file.
        warnings.extend(stored.failed.iter().map(|error| line(error)));
        Ok(())
    }

    fn archive_limits(&self) -> userdata_archive::Limits {
        userdata_archive::Limits::new(self.value_max)
    }

    /// The domain's name, if it is known: a domain is exported without one as well.
    fn name(&self, domain: DomainKey) -> Option<String> {
        let found = self.host.domain(domain.domid).ok()??;
        let name = self.host.name(domain.domid).ok()?;
        name.filter(|_| found.key == domain)
    }
}
