//! `userdata retrieve`.

use std::path::Path;

use crate::arguments::Retrieve;
use crate::destination::Destination;
use crate::document::{self, base64};
use crate::failure::Failure;
use crate::options::Options;
use crate::output::json;
use crate::status::Status;
use crate::userid::{existing, shown};

impl Retrieve {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let userid = existing(&self.userid, self.escaped.escaped)?;
        options.check_userid(&userid)?;
        let path = self
            .output
            .as_deref()
            .filter(|path| *path != Path::new("-"));
        let failed = |path: &Path| Failure::io(format!("write {}", path.display()));
        let destination = path
            .map(|path| Destination::of(path).map_err(failed(path)))
            .transpose()?;
        let host = options.host()?;
        let domain = options.key(&self.domain, &host)?;
        let value = match options.userdata_to_read(&host, self.reading)? {
            Some(userdata) => userdata.retrieve(domain, &userid)?,
            None => None,
        };
        let Some(value) = value else {
            let userid = shown(&userid);
            return Err(Failure::NoData { domain, userid });
        };
        let bytes = if output.is_json() {
            json(&document::Value {
                domain: domain.into(),
                userid: (&userid).into(),
                size: value.as_bytes().len(),
                version: value.version().to_string(),
                value: base64(value.as_bytes()),
                #[cfg(feature = "pool")]
                home: options
                    .homes(&host, Some(domain.uuid), self.reading)?
                    .home(domain.uuid)
                    .map(document::Home::from),
                #[cfg(feature = "pool")]
                stale: self.reading.stale,
            })?
        } else {
            value.into_bytes()
        };
        match (destination, path) {
            (Some(destination), Some(path)) => destination.write(&bytes).map_err(failed(path))?,
            _ => output.write(&bytes)?,
        }
        Ok(Status::Done)
    }
}
