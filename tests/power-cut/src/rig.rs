//! `Rig`: a disk and a host with one file system, for power cuts.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cut::{CrashImages, Cut};
use crate::disk::Disk;
use crate::file_system::FileSystem;
use crate::form::Form;
use crate::host_process::HostProcess;
use crate::image::Image;
use crate::orders::{AfterFailedSync, Answer, FailedSync, Order};
use crate::recording::Recording;
use crate::verdict::Found;

/// A disk, and a host that mounts it.
#[derive(Debug)]
pub(crate) struct Rig {
    file_system: FileSystem,
    empty: Image,
    // Dropped before the disk, which the host may still wait for.
    host: HostProcess,
    disk: Disk,
}

/// The state after a power cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The values of the keys.
    Found(Vec<Found>),
    /// The kernel refuses to mount the disk.
    Unmountable(String),
}

impl Rig {
    /// Starts a rig in a new directory below `scratch`.
    pub(crate) fn new(file_system: FileSystem, scratch: &Path) -> Result<Self> {
        let folder = scratch.join(file_system.name());
        let (served, mount_point) = (folder.join("disk"), folder.join("mounted"));
        for folder in [&served, &mount_point] {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        let empty = folder.join("empty");
        let image = file_system.format(&empty)?;
        fs::remove_file(&empty).with_context(|| format!("removing {}", empty.display()))?;
        // The name of the file behind the loop device says which run it belongs to.
        let name = scratch.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            file_system,
            empty: image,
            disk: Disk::serve(&served, &name, file_system.size())?,
            host: HostProcess::start(file_system, &mount_point)?,
        })
    }

    pub(crate) const fn file_system(&self) -> FileSystem {
        self.file_system
    }

    /// Makes the changes of a seed on an empty file system, and records the writes that reach the disk.
    pub(crate) fn record(&mut self, form: Form, seed: u64) -> Result<Recording> {
        let disk = self.disk.insert(self.empty.clone());
        match self
            .host
            .obey(&Order::Change { disk, form, seed }, &self.disk)?
        {
            Answer::Changed => {}
            other => bail!("the host cannot make its changes: {other:?}"),
        }
        let watched = self.disk.take().context("nothing was recorded")?;
        Ok(Recording {
            file_system: self.file_system,
            form,
            seed,
            before: watched.before,
            log: watched.log,
        })
    }

    /// Mounts the image that a cut leaves, and reads every key.
    pub(crate) fn look(&mut self, images: &mut CrashImages<'_>, cut: Cut) -> Result<Left> {
        let disk = self.disk.insert(images.image(cut));
        match self.host.obey(&Order::Look { disk }, &self.disk)? {
            Answer::Found(found) => Ok(Left::Found(found)),
            Answer::Unmountable(why) => Ok(Left::Unmountable(why)),
            other => bail!("the host does not read the keys: {other:?}"),
        }
    }

    /// Lets a write fail while a file is synced, twice: with bare calls, and with our store.
    pub(crate) fn fail_sync(&mut self) -> Result<(FailedSync, AfterFailedSync)> {
        let disk = self.disk.insert(self.empty.clone());
        let failed = match self.host.obey(&Order::FailSync { disk }, &self.disk)? {
            Answer::FailedSync(failed) => failed,
            other => bail!("no sync failed: {other:?}"),
        };
        let disk = self.disk.insert(self.disk.image());
        match self
            .host
            .obey(&Order::LookAfterFailedSync { disk }, &self.disk)?
        {
            Answer::AfterFailedSync(left) => Ok((failed, left)),
            other => bail!("nothing is left after a failed sync: {other:?}"),
        }
    }
}
