//! `Form`: ways to store values. Some are ours, and others are controls, which must be seen to
//! fail.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use hv_sim::{HostOptions, NewDomain, SimHost};
use serde::{Deserialize, Serialize};
use userdata::Userdata;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::Durability;
use userdata_core::{DomainKey, Store, WritableUserid};
use userdata_fs::{FileStore, OsDirectory};
use userdata_sim::interpose::{Interposed, WithoutSyncs};

use crate::file_system::FileSystem;
use crate::value;
use crate::verdict::Found;

/// A way to store values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    /// Our store at `Full`
    Full,
    /// Our store at `File`
    File,
    /// Our store at `Process`, which syncs nothing: a control
    Process,
    /// Our store at `Full` without its sync of the file: a control
    FullWithoutFileSync,
    /// Our store at `Full` without its sync of the directory: a control
    FullWithoutDirectorySync,
    /// A bare sequence with one barrier: sync_file_range, rename, fsync of the file
    OneBarrier,
    /// The same sequence without sync_file_range
    RenameThenSync,
}

/// The claim about a form on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Claim {
    /// Values are whole, and no acknowledged change is lost.
    Durable,
    /// Values are whole. Acknowledged changes may be lost.
    Whole,
    /// A control: at least one value must be found that is not whole.
    MustBreak,
    /// A control: at least one acknowledged change must be lost.
    MustLose,
    /// There is no claim. The results are reported.
    Nothing,
}

impl Form {
    /// The forms of a run by default.
    pub(crate) const USUAL: [Self; 5] = [
        Self::Full,
        Self::File,
        Self::Process,
        Self::FullWithoutFileSync,
        Self::FullWithoutDirectorySync,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::File => "file",
            Self::Process => "process",
            Self::FullWithoutFileSync => "full-without-file-sync",
            Self::FullWithoutDirectorySync => "full-without-directory-sync",
            Self::OneBarrier => "one-barrier",
            Self::RenameThenSync => "rename-then-sync",
        }
    }

    pub(crate) const fn claim(self, on: FileSystem) -> Claim {
        match (self, on) {
            (Self::Full | Self::OneBarrier, _) if on.is_journalled() => Claim::Durable,
            (Self::File, _) if on.is_journalled() => Claim::Whole,
            (Self::Process | Self::FullWithoutFileSync, _) => Claim::MustBreak,
            (Self::FullWithoutDirectorySync, _) => Claim::MustLose,
            (Self::Full | Self::File | Self::OneBarrier | Self::RenameThenSync, _) => {
                Claim::Nothing
            }
        }
    }

    /// Whether the form is a sequence of bare calls, which is meant for file systems with a journal
    /// only.
    pub(crate) const fn is_bare(self) -> bool {
        matches!(self, Self::OneBarrier | Self::RenameThenSync)
    }

    /// How many of ten states the form gets in a run by default.
    pub(crate) const fn share(self) -> usize {
        match self {
            Self::Full => 4,
            Self::File => 3,
            _ => 1,
        }
    }
}

/// A domain, and a form in which its values are stored.
pub(crate) struct Subject {
    domain: DomainKey,
    folder: PathBuf,
    form: Form,
    userdata: Userdata<SimHost, Box<dyn Store>>,
}

impl Subject {
    pub(crate) fn new(folder: &Path, form: Form) -> Result<Self> {
        let host = SimHost::new(HostOptions::new(1));
        let domain = host.create(NewDomain::new().with_name("web"))?;
        let directory =
            OsDirectory::open(folder).with_context(|| format!("opening {}", folder.display()))?;
        // With one barrier, the sync of the file after the rename is also that of the directory.
        let without = |files, directories| WithoutSyncs {
            files,
            directories,
            write_backs: files,
            files_and_names: true,
            all: false,
        };
        let store: Box<dyn Store> = match form {
            Form::FullWithoutFileSync => Box::new(FileStore::new(Interposed::new(
                directory,
                without(true, false),
            ))),
            Form::FullWithoutDirectorySync => Box::new(FileStore::new(Interposed::new(
                directory,
                without(false, true),
            ))),
            _ => Box::new(FileStore::new(directory)),
        };
        let durability = match form {
            Form::Process => Durability::Process,
            Form::File => Durability::File,
            _ => Durability::Full,
        };
        Ok(Self {
            userdata: Userdata::new(host, store).with_durability(durability),
            domain,
            folder: folder.to_owned(),
            form,
        })
    }

    /// Replaces the value of a key, or removes it if there are no bytes.
    pub(crate) fn store(&self, key: usize, bytes: &[u8]) -> Result<()> {
        if self.form.is_bare() && !bytes.is_empty() {
            return self.replace_barely(key, bytes);
        }
        self.userdata.store(self.domain, &userid(key)?, bytes)?;
        Ok(())
    }

    /// Reads a key. All forms read with our store.
    pub(crate) fn look(&self, key: usize) -> Result<Found> {
        use userdata::UserdataErrorKind;
        use userdata_core::store::StoreErrorKind;
        Ok(match self.userdata.retrieve(self.domain, userid(key)?) {
            Ok(None) => Found::Nothing,
            Ok(Some(read)) => {
                value::version(key, read.as_bytes()).map_or(Found::Damaged, Found::Version)
            }
            Err(error) => match error.kind() {
                UserdataErrorKind::Store(store)
                    if matches!(store.kind(), StoreErrorKind::Empty) =>
                {
                    Found::Empty
                }
                _ => Found::Unreadable(format!("{:#}", anyhow::Error::from(error))),
            },
        })
    }

    /// Replaces a value with bare calls, of which only the fsync after the rename flushes the
    /// disk's cache.
    fn replace_barely(&self, key: usize, bytes: &[u8]) -> Result<()> {
        let name = FileName::data(
            NameFormat::default(),
            &self.domain,
            userid(key)?.as_userid(),
        )?;
        let name = self.folder.join(OsStr::from_bytes(name.as_ref()));
        let temporary = self.folder.join("temporary");
        let mut file = File::create_new(&temporary).context("making the temporary file")?;
        file.write_all(bytes)
            .context("writing the temporary file")?;
        if self.form == Form::OneBarrier {
            write_back(&temporary)?;
        }
        fs::rename(&temporary, name).context("renaming the temporary file")?;
        file.sync_all().context("syncing the file")
    }
}

/// Writes a file back to the disk and waits for that, without a flush of the disk's cache. No safe
/// library offers `sync_file_range(2)`, so xfs_io calls it: once for each flag, because it passes
/// on only one.
fn write_back(file: &Path) -> Result<()> {
    let calls = ["-b", "-w", "-a"].map(|flag| format!("sync_range {flag} 0 0"));
    let done = Command::new("xfs_io")
        .arg("-r")
        .args(calls.iter().flat_map(|call| ["-c", call]))
        .arg(file)
        .output()
        .context("cannot start xfs_io")?;
    // xfs_io reports a failed call on standard error only.
    if !done.status.success() || !done.stderr.is_empty() {
        bail!("xfs_io: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(())
}

fn userid(key: usize) -> Result<WritableUserid> {
    Ok(WritableUserid::new(format!("key-{key}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMS: [Form; 5] = Form::USUAL;

    #[test]
    fn every_form_stores_replaces_and_removes() {
        for form in FORMS.into_iter().chain([Form::RenameThenSync]) {
            let folder = tempfile::tempdir().unwrap();
            let subject = Subject::new(folder.path(), form).unwrap();
            assert_eq!(subject.look(1).unwrap(), Found::Nothing);
            for version in [2, 3] {
                subject.store(1, &value::value(1, version, 5000)).unwrap();
                assert_eq!(subject.look(1).unwrap(), Found::Version(version));
            }
            subject.store(1, b"").unwrap();
            assert_eq!(subject.look(1).unwrap(), Found::Nothing);
        }
    }

    #[test]
    fn a_file_that_is_not_a_whole_value_is_recognized() {
        let folder = tempfile::tempdir().unwrap();
        let subject = Subject::new(folder.path(), Form::Process).unwrap();
        subject.store(0, &value::value(0, 2, 9000)).unwrap();
        let file = fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        for (bytes, expected) in [
            (&[][..], Found::Empty),
            (&[0; 9000][..], Found::Damaged),
            (&value::value(0, 2, 9000)[..4096], Found::Damaged),
        ] {
            fs::write(&file, bytes).unwrap();
            assert_eq!(subject.look(0).unwrap(), expected);
        }
    }

    #[test]
    fn full_must_hold_with_a_journal_and_controls_must_fail() {
        for on in FileSystem::ALL {
            let holds = Form::Full.claim(on) == Claim::Durable;
            assert_eq!(holds, on.is_journalled());
            let claims = FORMS.map(|form| form.claim(on));
            assert!(claims.contains(&Claim::MustLose));
            assert!(claims.contains(&Claim::MustBreak));
        }
    }
}
