//! The archive that `export` and `destroy --export` write.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter};

use userdata::follow::Selection;
use userdata::hypervisor::DomainNames as _;
use userdata::{DomainKey, Hypervisor as _, Userid, Value};
use userdata_archive::{Archive, Limits, WriteError};

use crate::arguments::Which;
use crate::document;
use crate::failure::Failure;
use crate::host::Host;
use crate::options::Options;
use crate::userid::existing;

impl Which {
    /// The values that go along. Refuses on a pool to select one that no pool has.
    pub(super) fn selection(&self, options: &Options) -> Result<Selection, Failure> {
        let all = |userids: &[OsString]| -> Result<Vec<Userid>, Failure> {
            let userids = userids.iter().map(|userid| existing(userid, false));
            Ok(userids.collect::<Result<_, _>>()?)
        };
        let (only, with, not) = (all(&self.only)?, all(&self.with)?, all(&self.not)?);
        let mut selected = only.iter().chain(&with);
        selected.try_for_each(|userid| options.check_userid(userid))?;
        let selection = only.into_iter().fold(Selection::new(), Selection::only);
        let selection = with.into_iter().fold(selection, Selection::with);
        Ok(not.into_iter().fold(selection, Selection::without))
    }
}

/// The archive of a domain's values.
pub(super) fn archive(
    domain: DomainKey,
    host: &Host,
    values: Vec<(Userid, Value)>,
) -> Result<Archive, Failure> {
    Archive::new(domain, name(domain, host), values)
        .map_err(|source| Failure::Contents { domain, source })
}

/// The domain's name, if it is known: a domain is exported without one as well.
fn name(domain: DomainKey, host: &Host) -> Option<String> {
    let host = host.snapshot().ok()?;
    let found = host.domain(domain.domid).ok()??;
    let name = host.name(domain.domid).ok()?;
    name.filter(|_| found.key == domain)
}

/// Writes an archive.
pub(super) fn write(archive: &Archive, file: &mut File, limits: &Limits) -> io::Result<()> {
    archive
        .write(BufWriter::new(file), limits)
        .map_err(|error| {
            let kind = match &error {
                WriteError::Io { source, .. } => source.kind(),
                _ => io::ErrorKind::Other,
            };
            io::Error::new(kind, error)
        })
}

/// The contents of an archive, for a document.
pub(super) fn contents(archive: &Archive, file: String) -> document::Contents {
    let values = archive.values().iter().map(|(userid, value)| {
        let userid = userid.as_userid();
        document::Archived {
            userid: userid.into(),
            size: value.as_bytes().len(),
            version: value.version().to_string(),
        }
    });
    document::Contents {
        file,
        values: values.collect(),
    }
}
