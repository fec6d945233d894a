//! The folder of one run: the files that it booted from, its logs and its results.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::release::Release;

/// A folder that is empty at first and belongs to this run for as long as this value.
#[derive(Debug)]
pub(super) struct RunDir {
    path: PathBuf,
    _lock: File,
}

impl RunDir {
    /// Empties and takes the folder for runs of this name.
    pub(super) fn take(release: Release, name: &str) -> Result<Self> {
        let path = release.dir().join(format!("run-{name}"));
        let failed = || format!("cannot make {}", path.display());
        fs::create_dir_all(release.dir()).with_context(failed)?;
        let lock = File::create(path.with_extension("lock")).with_context(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("Xen {release} already runs {name}; wait for it or end it");
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        if path.exists() {
            fs::remove_dir_all(&path).with_context(failed)?;
        }
        fs::create_dir(&path).with_context(failed)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The output of Xen, dom0's kernel and our init.
    pub(super) fn console(&self) -> PathBuf {
        self.path.join("console.log")
    }

    /// The output of the payload, and its result.
    pub(super) fn result(&self) -> PathBuf {
        self.path.join("result.log")
    }

    /// The files that the payload left in its folder `out`, packed.
    pub(super) fn packed(&self) -> PathBuf {
        self.path.join("out.tar.gz")
    }

    /// The files that the payload left in its folder `out`.
    pub(super) fn out(&self) -> PathBuf {
        self.path.join("out")
    }
}
