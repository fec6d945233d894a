//! `Disk`: a disk that logs every write and flush. FUSE serves it as a file for a loop device.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, Session, TimeOrNow, WriteFlags,
};

use crate::image::Image;
use crate::value;
use crate::write_log::{Event, Write, WriteLog};

/// A disk, which gets a new content for every power cut.
#[derive(Debug)]
pub(crate) struct Disk {
    medium: Arc<Mutex<Medium>>,
    folder: PathBuf,
    name: String,
    /// Serves the disk until it is dropped.
    _session: BackgroundSession,
}

/// The state of the disk.
#[derive(Debug, Default)]
struct Medium {
    /// The number of the file. Every content has a file of its own, so that the kernel has no cached pages
    /// of the last one.
    file: u64,
    image: Image,
    /// The log that is being written, and the content from before it.
    watched: Option<Watched>,
    /// The last finished log.
    ended: Option<Watched>,
    /// The number of writes of content that will fail.
    failing: u32,
}

/// A log, and the disk that it began with.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// The content from before.
    pub(crate) before: Image,
    pub(crate) log: WriteLog,
}

impl Disk {
    /// Serves a disk of this size as files in a directory, with this name and a number.
    pub(crate) fn serve(folder: &Path, name: &str, size: u64) -> Result<Self> {
        let medium = Arc::new(Mutex::new(Medium::default()));
        let served = Served {
            medium: Arc::clone(&medium),
            name: name.to_owned(),
            size,
        };
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName(name.to_owned())];
        let session = Session::new(served, folder, &config)
            .and_then(Session::spawn)
            .with_context(|| format!("serving a disk at {}", folder.display()))?;
        Ok(Self {
            medium,
            folder: folder.to_owned(),
            name: name.to_owned(),
            _session: session,
        })
    }

    /// Replaces the content, and returns the file that has it.
    pub(crate) fn insert(&self, image: Image) -> PathBuf {
        let mut medium = lock(&self.medium);
        medium.file += 1;
        medium.image = image;
        medium.failing = 0;
        let number = medium.file;
        self.folder.join(format!("{}.{number}", self.name))
    }

    /// Starts a log.
    pub(crate) fn watch(&self) {
        let mut medium = lock(&self.medium);
        medium.watched = Some(Watched {
            before: medium.image.clone(),
            log: WriteLog::default(),
        });
    }

    /// Adds an event that happened beside the disk to the log.
    pub(crate) fn note(&self, event: Event) {
        lock(&self.medium).note(event);
    }

    /// Finishes the log.
    pub(crate) fn stop(&self) {
        let mut medium = lock(&self.medium);
        medium.ended = medium.watched.take();
    }

    /// Takes the last finished log.
    pub(crate) fn take(&self) -> Option<Watched> {
        lock(&self.medium).ended.take()
    }

    /// Makes the next `count` writes of content fail with EIO.
    pub(crate) fn fail_writes(&self, count: u32) {
        lock(&self.medium).failing = count;
    }

    /// The content, with all writes.
    pub(crate) fn image(&self) -> Image {
        lock(&self.medium).image.clone()
    }
}

impl Medium {
    fn note(&mut self, event: Event) {
        if let Some(watched) = &mut self.watched {
            watched.log.push(event);
        }
    }
}

fn lock(medium: &Mutex<Medium>) -> MutexGuard<'_, Medium> {
    medium.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file system that FUSE calls.
#[derive(Debug)]
struct Served {
    medium: Arc<Mutex<Medium>>,
    name: String,
    size: u64,
}

/// The kernel must not cache anything.
const NEVER: Duration = Duration::ZERO;

/// The inode of a file is its number and that of the directory.
const FILES_FROM: u64 = INodeNo::ROOT.0 + 1;

impl Served {
    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let (kind, size) = match inode {
            INodeNo::ROOT => (FileType::Directory, 0),
            _ => (FileType::RegularFile, self.size),
        };
        FileAttr {
            ino: inode,
            size,
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm: 0o700,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    /// The state of the disk, if the disk still has the content of this file.
    fn medium(&self, inode: INodeNo) -> Result<MutexGuard<'_, Medium>, Errno> {
        let medium = lock(&self.medium);
        if medium.file + FILES_FROM == inode.0 {
            Ok(medium)
        } else {
            Err(Errno::EIO)
        }
    }

    fn written(&self, inode: INodeNo, at: u64, bytes: &[u8]) -> Result<u32, Errno> {
        let mut medium = self.medium(inode)?;
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::EINVAL)?;
        if at.saturating_add(len.into()) > self.size {
            return Err(Errno::ENOSPC);
        }
        if medium.failing > 0 && value::is_content(bytes) {
            medium.failing -= 1;
            return Err(Errno::EIO);
        }
        medium.image.write(at, bytes);
        let bytes = bytes.to_vec();
        medium.note(Event::Write(Write { at, bytes }));
        Ok(len)
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, _parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(&self.name)?.strip_prefix('.'))
            .and_then(|number| number.parse::<u64>().ok());
        match number {
            Some(number) => {
                let attributes = self.attributes(INodeNo(number + FILES_FROM));
                reply.entry(&NEVER, &attributes, Generation(0));
            }
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&NEVER, &self.attributes(inode));
    }

    fn setattr(
        &self,
        _: &Request,
        inode: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        _size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _file: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        // The size and the owner of a disk do not change.
        reply.attr(&NEVER, &self.attributes(inode));
    }

    fn open(&self, _: &Request, _inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // The kernel may serve reads from the page cache, which is empty for each new file. Every write
        // comes here at once: this is FUSE's default.
        reply.opened(FileHandle(0), FopenFlags::empty());
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        at: u64,
        len: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let len = u64::from(len).min(self.size.saturating_sub(at));
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        match self.medium(inode) {
            Ok(medium) => {
                medium.image.read(at, &mut bytes);
                drop(medium);
                reply.data(&bytes);
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn write(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        at: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.written(inode, at, bytes) {
            Ok(len) => reply.written(len),
            Err(errno) => reply.error(errno),
        }
    }

    fn fsync(&self, _: &Request, inode: INodeNo, _: FileHandle, _data: bool, reply: ReplyEmpty) {
        match self.medium(inode) {
            Ok(mut medium) => {
                medium.note(Event::Flush);
                drop(medium);
                reply.ok();
            }
            Err(errno) => reply.error(errno),
        }
    }
}
