//! `SightingsFile`: the file in which a sweep leaves its sightings for the next one.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use userdata::sweep::Sightings;

use crate::chain::chain;
use crate::output::Output;

const SCHEMA: &str = "userdata/sightings/1";

/// The largest file that is read.
const SIZE_MAX: u64 = 64 << 20;

/// How long a sweep pauses until it tries the lock again.
const PAUSE: Duration = Duration::from_millis(5);

/// The file, and the sightings that were in it when the sweep began.
#[derive(Debug)]
pub(super) struct SightingsFile {
    path: PathBuf,
    found: Sightings,
    /// Whether the file has to be replaced even if nothing new was seen.
    unusable: bool,
}

/// The file's form.
#[derive(Serialize, Deserialize)]
struct Document<S> {
    schema: S,
    sightings: Sightings,
}

/// The part of the file that every schema has.
#[derive(Deserialize)]
struct Schema {
    schema: String,
}

/// Why the sightings in a file are not used.
#[derive(Debug, Error)]
enum Unusable {
    #[error("they cannot be read")]
    Io(#[source] io::Error),
    #[error("it is not a regular file")]
    NotRegular,
    #[error("it has more than {SIZE_MAX} bytes, the limit")]
    TooLarge,
    #[error("another user can write it")]
    OfAnotherUser,
    #[error("it has the schema '{0}', and {SCHEMA} is understood")]
    OtherSchema(String),
    #[error("it is damaged")]
    Damaged(#[source] serde_json::Error),
}

/// The sightings could not be written.
#[derive(Debug, Error)]
#[error("cannot write the sightings to {}", .path.display())]
pub(super) struct NotWritten {
    path: PathBuf,
    source: io::Error,
}

impl SightingsFile {
    /// Reads the file. A missing file means that there are no sightings. So does one that cannot be
    /// used, and this is reported.
    pub(super) fn read(path: PathBuf, output: Output) -> Self {
        let (found, unusable) = match read(&path) {
            Ok(found) => (found.unwrap_or_default(), false),
            Err(error) => {
                output.note(format_args!(
                    "the sightings in {} are begun anew: {}",
                    path.display(),
                    chain(&error)
                ));
                (Sightings::new(), true)
            }
        };
        Self {
            path,
            found,
            unusable,
        }
    }

    /// The sightings of earlier sweeps.
    pub(super) const fn found(&self) -> &Sightings {
        &self.found
    }

    /// Replaces the file as a whole. If another sweep has replaced it meanwhile, only the sightings
    /// of both are kept. A file that cannot be replaced is removed: it may have sightings that
    /// ended when this sweep found the domain alive.
    pub(super) fn replace(self, sightings: Sightings, timeout: Duration) -> Result<(), NotWritten> {
        if sightings == self.found && !self.unusable {
            return Ok(());
        }
        self.write(sightings, timeout).map_err(|source| {
            if check_replaceable(&self.path).is_ok() {
                // If it stays, nothing else can be done.
                let _ = fs::remove_file(&self.path);
            }
            NotWritten {
                path: self.path,
                source,
            }
        })
    }

    fn write(&self, mut sightings: Sightings, timeout: Duration) -> io::Result<()> {
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        check_replaceable(&self.path)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        // No other sweep replaces the file between the look at it and the rename.
        let _lock = lock(folder, timeout)?;
        let there = read(&self.path).ok().flatten().unwrap_or_default();
        if there != self.found {
            sightings.agree_with(&there);
        }
        let schema = SCHEMA;
        let text = serde_json::to_vec(&Document { schema, sightings })?;
        // A new file of mode 0600. The rename replaces a link, and does not follow it.
        let mut new = tempfile::Builder::new()
            .prefix(".sightings.")
            .tempfile_in(folder)?;
        new.write_all(&text)?;
        new.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Only a regular file or a symbolic link is replaced: without a device such as `/dev/null` other
/// programs fail.
fn check_replaceable(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            Err(io::Error::other(Unusable::NotRegular))
        }
        _ => Ok(()),
    }
}

/// Locks a folder; the lock ends with the file that is returned.
fn lock(folder: &Path, timeout: Duration) -> io::Result<File> {
    let folder = File::open(folder)?;
    let begun = Instant::now();
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) if begun.elapsed() < timeout => thread::sleep(PAUSE),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The sightings in a file; `None` if there is no file.
fn read(path: &Path) -> Result<Option<Sightings>, Unusable> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // The error for a link, a socket and the like says little.
        Err(_) if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) => {
            return Err(Unusable::NotRegular);
        }
        Err(error) => return Err(Unusable::Io(error)),
    };
    let metadata = file.metadata().map_err(Unusable::Io)?;
    if !metadata.is_file() {
        return Err(Unusable::NotRegular);
    }
    // Forged sightings would have files removed before their time.
    if metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
        return Err(Unusable::OfAnotherUser);
    }
    let mut text = Vec::new();
    let read = file.take(SIZE_MAX + 1).read_to_end(&mut text);
    read.map_err(Unusable::Io)?;
    if text.len() as u64 > SIZE_MAX {
        return Err(Unusable::TooLarge);
    }
    parse(&text).map(Some)
}

fn parse(text: &[u8]) -> Result<Sightings, Unusable> {
    let Schema { schema } = serde_json::from_slice(text).map_err(Unusable::Damaged)?;
    if schema != SCHEMA {
        let shown = schema.chars().take(100).flat_map(char::escape_default);
        return Err(Unusable::OtherSchema(shown.collect()));
    }
    let document: Document<String> = serde_json::from_slice(text).map_err(Unusable::Damaged)?;
    Ok(document.sightings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: &str = r#"{"schema":"userdata/sightings/1","sightings":{"boot":"one","seen":{
        "5.11111111-2222-3333-4444-abcdef555555":{"sight":"gone","since":{"secs":7,"nanos":0}},
        "6.11111111-2222-3333-4444-abcdef555555":{"sight":
            {"other-uuid":"21111111-2222-3333-4444-abcdef555555"},
            "since":{"secs":8,"nanos":1}}}}}"#;

    fn file(path: &Path) -> SightingsFile {
        SightingsFile::read(path.to_owned(), Output::new(false))
    }

    #[test]
    fn what_is_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/sightings.json");
        let seen = parse(SEEN.as_bytes()).unwrap();
        assert_eq!(seen.len(), 2);
        file(&path).replace(seen.clone(), Duration::ZERO).unwrap();
        assert_eq!(file(&path).found(), &seen);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn of_two_sweeps_at_once_only_what_both_saw_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sightings.json");
        let seen = parse(SEEN.as_bytes()).unwrap();
        let one = parse(SEEN.replace("\"secs\":8", "\"secs\":9").as_bytes()).unwrap();
        let (first, second) = (file(&path), file(&path));
        first.replace(one.clone(), Duration::ZERO).unwrap();
        second.replace(seen, Duration::ZERO).unwrap();
        assert_eq!(file(&path).found(), &one);
    }

    #[test]
    fn a_lock_that_another_sweep_keeps_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sightings.json");
        let held = lock(folder.path(), Duration::ZERO).unwrap();
        let seen = parse(SEEN.as_bytes()).unwrap();
        let refused = file(&path).replace(seen, Duration::ZERO).unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("cannot write the sightings")
        );
        assert!(!fs::exists(&path).unwrap());
        drop(held);
    }

    #[test]
    fn what_is_not_the_form_is_unusable() {
        for text in [
            "",
            "{",
            "[]",
            "null",
            "{}",
            r#"{"schema":1}"#,
            &SEEN.replace("5.1111", "5-1111"),
            &SEEN.replace("\"one\"", "\"a/b\""),
            &SEEN.replace("\"secs\":7", "\"secs\":-7"),
            &SEEN.replace("\"secs\":7", "\"secs\":1e99"),
            &SEEN.replace("gone", "went"),
            &format!("{SEEN}{SEEN}"),
        ] {
            assert!(
                matches!(parse(text.as_bytes()), Err(Unusable::Damaged(_))),
                "{text}"
            );
        }
        let newer = parse(SEEN.replace("sightings/1", "sightings/2").as_bytes());
        assert!(matches!(newer, Err(Unusable::OtherSchema(_))));
    }
}
