//! `userdata retrieve`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::arguments::Retrieve;
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
        let host = options.host()?;
        let userdata = options.userdata(&host)?;
        let domain = self.domain.key(&host)?;
        let Some(value) = userdata.retrieve(domain, &userid)? else {
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
            })?
        } else {
            value.into_bytes()
        };
        match self.output.as_deref() {
            Some(path) if path != Path::new("-") => {
                let failed = Failure::io(format!("write {}", path.display()));
                write_file(path, &bytes).map_err(failed)?;
            }
            _ => output.write(&bytes)?,
        }
        Ok(Status::Done)
    }
}

/// Replaces a file as a whole, so that a half-written one is never seen. What is there and no file,
/// such as `/dev/null` or a named pipe, is written to and not replaced.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        // Where a symbolic link leads, not the link.
        Ok(_) => fs::canonicalize(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => PathBuf::from(path),
        Err(error) => return Err(error),
    };
    let folder = match target.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Readable by its owner alone, as the value was.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_where_a_link_leads_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old and longer").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write_file(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_device_is_written_to_and_stays() {
        write_file(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_file_in_no_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_file(&folder.path().join("none/file"), b"x").is_err());
        assert!(write_file(folder.path(), b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
