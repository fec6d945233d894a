//! `userdata export`.

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::Path;

use userdata::follow::Limits;

use super::archive::{archive, contents, write};
use crate::arguments::Export;
use crate::destination::Destination;
use crate::document;
use crate::failure::Failure;
use crate::options::Options;
use crate::reading::Reading;
use crate::standard;
use crate::status::Status;

impl Export {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let which = self.which.selection(options)?;
        let path = self
            .output
            .as_deref()
            .filter(|path| *path != Path::new("-"));
        let failed = |path: &Path| Failure::io(format!("write {}", path.display()));
        let destination = match path {
            Some(path) => Some((path, Destination::of(path).map_err(failed(path))?)),
            None if output.is_json() => return Err(Failure::NoJson("export without -o FILE")),
            None => {
                let stdout = standard::output().map_err(Failure::Output)?;
                if stdout.is_terminal() {
                    return Err(Failure::Terminal("written to"));
                }
                None
            }
        };
        let host = options.host()?;
        let domain = options.key(&self.domain, &host)?;
        let values = match options.userdata_to_read(&host, Reading::of(self.homes))? {
            Some(userdata) => {
                let exported = userdata.export(domain, &which, &Limits::default())?;
                exported.values
            }
            None => Vec::new(),
        };
        if values.is_empty() {
            output.note("nothing to export");
        }
        let archive = archive(domain, &host, values)?;
        let limits = userdata_archive::Limits::new(options.max_size());
        let Some((path, destination)) = destination else {
            let mut stdout = standard::output().map_err(Failure::Output)?;
            write(&archive, &mut stdout, &limits).map_err(Failure::Output)?;
            return Ok(Status::Done);
        };
        let write_and_sync = |file: &mut File| {
            write(&archive, file, &limits)?;
            // A device or a named pipe cannot be synced.
            if file.metadata()?.is_file() {
                file.sync_all()?;
            }
            Ok(())
        };
        let written = destination.write_by(&write_and_sync);
        written.map_err(failed(path))?;
        // Every version in the document is a digest, which is computed only if the document is
        // wanted.
        if output.is_json() {
            let document = document::Exported {
                domain: domain.into(),
                name: archive.name().map(str::to_owned),
                contents: contents(&archive, path.display().to_string()),
            };
            output.show(&document, String::new)?;
        }
        Ok(Status::Done)
    }
}
