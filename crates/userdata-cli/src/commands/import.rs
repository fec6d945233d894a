//! `userdata import`.

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::Path;

use userdata::store::{Clash, Put, StoredAll};
use userdata::value::NonEmpty;
use userdata::{DomainKey, Userid};
use userdata_archive::{Archive, Limits};

use crate::arguments::Import;
use crate::chain::chain;
use crate::document::{self, Name};
use crate::failure::Failure;
use crate::options::Options;
use crate::standard;
use crate::status::Status;
use crate::userid::shown;
use crate::waiting::until_it_lives;

impl Import {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let which = self.which.selection(options)?;
        // The archive is read whole and verified before anything is locked: no other process waits
        // for a slow pipe, and nothing of a damaged archive is stored.
        let archive = self.read(&Limits::new(options.max_size()))?;
        let (mut values, mut left_out) = (Vec::new(), Vec::new());
        for (userid, value) in archive.values() {
            match NonEmpty::new(value.as_bytes()) {
                Some(bytes) if which.has(userid.as_userid()) => {
                    values.push(Put::new(userid, bytes))
                }
                _ => left_out.push(userid.as_userid()),
            }
        }
        let (domain, stored) = self.store(&values, options)?;
        if values.is_empty() {
            output.note("nothing to import");
        }
        let document = document::Imported {
            domain: domain.into(),
            from: archive.domain().into(),
            from_name: archive.name().map(str::to_owned),
            stored: names(&stored.stored),
            unchanged: names(&stored.unchanged),
            kept: names(&stored.kept),
            left_out: names(left_out.iter().copied()),
            durability: (!stored.stored.is_empty()).then(|| stored.durability.to_string()),
        };
        output.show(&document, || {
            [
                lines(&stored.stored, "imported", ""),
                lines(&stored.unchanged, "unchanged", ""),
                lines(&stored.kept, "kept", "; the archive has another value"),
                lines(left_out, "left out", ""),
            ]
            .concat()
        })?;
        // All values are in place, but a temporary file could not be removed.
        for error in &stored.failed {
            output.note(chain(error));
        }
        let failed = stored.failed.first();
        Ok(failed.map_or(Status::Done, |error| error.kind().into()))
    }

    fn read(&self, limits: &Limits) -> Result<Archive, Failure> {
        let (file, input) = match self.file.as_deref() {
            Some(path) if path != Path::new("-") => {
                let input = path.display().to_string();
                let opened = File::open(path).map_err(Failure::io(format!("open {input}")));
                (opened?, input)
            }
            _ => {
                let input = "standard input".to_owned();
                let stdin = standard::input().map_err(Failure::io(format!("read {input}")))?;
                (stdin, input)
            }
        };
        if file.is_terminal() {
            return Err(Failure::Terminal("read from"));
        }
        Archive::read(file, limits).map_err(|source| Failure::Archive { input, source })
    }

    /// Stores the values for the domain. With `--wait`, it first waits until the domain lives.
    fn store(
        &self,
        values: &[Put<'_>],
        options: &Options,
    ) -> Result<(DomainKey, StoredAll), Failure> {
        let clash = match (self.replace, self.keep) {
            (true, _) => Clash::Replace,
            (_, true) => Clash::Keep,
            _ => Clash::Refuse,
        };
        let host = options.host()?;
        let import = |domain| {
            options.check_place(&domain)?;
            let userdata = options.userdata(&host)?;
            Ok((domain, userdata.import(domain, values, clash)?))
        };
        match self.wait {
            None => import(options.key(&self.domain, &host)?),
            Some(limit) => until_it_lives(limit, || import(self.domain.living(&host.snapshot()?)?)),
        }
    }
}

fn names<'a>(userids: impl IntoIterator<Item = &'a Userid>) -> Vec<Name> {
    userids.into_iter().map(Name::from).collect()
}

/// A line for each userid.
fn lines<'a>(userids: impl IntoIterator<Item = &'a Userid>, what: &str, more: &str) -> String {
    let userids = userids.into_iter().map(shown);
    userids
        .map(|userid| format!("{what} {userid}{more}\n"))
        .collect()
}
