//! `SimDisk` and `SimProcess`: a simulated host's disk, and the processes that work on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use userdata_core::store::FileType;
use userdata_fs::{Errno, Name, Promises};

use crate::SimDirectory;
use crate::call::CallKind;
use crate::kernel::{Holder, Kernel};
use crate::storage::Tree;
use crate::storage::{Body, Storage, StorageOptions};

/// How a simulated host behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimOptions {
    /// Its file system.
    pub storage: StorageOptions,
    /// The seed of its random numbers.
    pub seed: u64,
    /// How many files and directories a process may have open; `EMFILE` beyond.
    pub open_files_max: Option<usize>,
    /// How many names a listing reads at a time. It reads until there are no more, so that names
    /// that move meanwhile are shown twice or never, as on a real host.
    pub listed_at_once: usize,
    /// Whether `flock` has NFS's rule: an exclusive lock needs a file that is open for writing,
    /// `EBADF` otherwise.
    pub nfs_locks: bool,
    /// Whether the kernel has `openat2`; `ENOSYS` otherwise.
    pub has_openat2: bool,
    /// What its file system is said to promise. Whether it keeps
    /// [`Promises::one_barrier`](userdata_fs::Promises) is in [`StorageOptions::one_barrier`].
    pub promises: Promises,
    /// Whether a pause takes real time too, beside that of the simulated clock. Threads that share
    /// the disk need it: the clock of one that waits for a lock would otherwise reach any deadline
    /// before the thread that holds the lock runs again.
    pub real_pauses: bool,
}

impl Default for SimOptions {
    /// Nothing is limited; listings take eight names at a time.
    fn default() -> Self {
        Self {
            storage: StorageOptions::default(),
            seed: 0,
            open_files_max: None,
            listed_at_once: 8,
            nfs_locks: false,
            has_openat2: true,
            promises: Promises::NONE,
            real_pauses: false,
        }
    }
}

/// The disk of one simulated host, with the kernel that runs on it: open files, locks, a clock that
/// moves only when a process reads it or pauses, and random numbers that follow from a seed.
///
/// Clones are the same disk. What processes do to it is deterministic to the byte.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<Kernel>>);

/// A call that changed the storage, or made some of it durable.
#[derive(Clone, Debug)]
pub struct Step {
    /// The kind of call; also of an open that truncated, or a sync that failed.
    pub kind: CallKind,
    /// The call, for people.
    pub call: String,
    /// Storage after it.
    pub storage: Storage,
}

/// One process on a simulated host. Clones are the same process.
#[derive(Clone, Debug)]
pub struct SimProcess {
    disk: SimDisk,
    id: u32,
}

/// A file that another program left under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plant {
    /// A regular file of these bytes.
    File(Vec<u8>),
    /// A regular file of this many zeros that takes up no space.
    Zeros(u64),
    /// A symbolic link to this target.
    Symlink(Vec<u8>),
    /// A named pipe without a writer.
    Fifo,
    /// A socket.
    Socket,
    /// The null device.
    Device,
    /// An empty directory.
    Directory,
}

impl Plant {
    /// The type of the file.
    #[must_use]
    pub const fn file_type(&self) -> FileType {
        match self {
            Self::File(_) | Self::Zeros(_) => FileType::Regular,
            Self::Symlink(_) => FileType::Symlink,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
            Self::Device => FileType::Device,
            Self::Directory => FileType::Directory,
        }
    }
}

impl SimOptions {
    /// The same with random numbers that follow from another seed.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(options: SimOptions) -> Self {
        Self::boot(Storage::new(options.storage.clone()), options)
    }

    /// A host that starts on the storage that another one left: no file is open, and no process
    /// runs. The storage keeps its own options.
    #[must_use]
    pub fn boot(storage: Storage, options: SimOptions) -> Self {
        Self(Arc::new(Mutex::new(Kernel::new(storage, options))))
    }

    /// A new process.
    #[must_use]
    pub fn process(&self) -> SimProcess {
        let id = self.kernel().start();
        SimProcess {
            disk: self.clone(),
            id,
        }
    }

    /// The storage at this moment.
    #[must_use]
    pub fn storage(&self) -> Storage {
        self.kernel().storage.clone()
    }

    /// What programs see at this moment.
    #[must_use]
    pub fn tree(&self) -> Tree {
        self.kernel().storage.tree()
    }

    /// Makes everything durable, as the kernel does by itself after a while.
    pub fn settle(&self) {
        self.kernel().storage.settle();
    }

    /// Begins to record every step, and drops those that were recorded before.
    pub fn record_steps(&self) {
        self.kernel().steps = Some(Vec::new());
    }

    /// How many steps were recorded.
    #[must_use]
    pub fn steps_len(&self) -> usize {
        self.kernel().steps.as_ref().map_or(0, Vec::len)
    }

    /// Stops recording, and returns the recorded steps.
    #[must_use]
    pub fn take_steps(&self) -> Vec<Step> {
        self.kernel().steps.take().unwrap_or_default()
    }

    /// Changes the options of the file system from now on: fills it up, or mounts it read-only.
    pub fn reconfigure(&self, change: impl FnOnce(&mut StorageOptions)) {
        self.kernel().storage.reconfigure(change);
    }

    /// Lets time pass.
    pub fn pass(&self, span: Duration) {
        self.kernel().pass(span);
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> Duration {
        self.kernel().clock()
    }

    /// The disk and its kernel, locked.
    #[must_use]
    pub fn options(&self) -> SimOptions {
        self.kernel().options.clone()
    }

    /// A panic in the middle of a call leaves nothing half done that would matter to a test.
    pub(crate) fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl SimProcess {
    /// The process that has the file of this name in the root directory exclusively locked.
    #[must_use]
    pub fn lock_holder(&self, name: Name<'_>) -> Option<Holder> {
        self.disk.kernel().holder(name.as_bytes(), self.id)
    }

    /// The process that has the file at this path, from the root directory on, exclusively locked.
    /// The parts of the path are separated by a slash.
    #[must_use]
    pub fn lock_holder_at(&self, path: &[u8]) -> Option<Holder> {
        self.disk.kernel().holder(path, self.id)
    }

    /// Opens the root directory of the disk.
    ///
    /// # Errors
    ///
    /// `EMFILE`; `EBADF` if the process is dead.
    pub fn root(&self) -> Result<SimDirectory, Errno> {
        let mut kernel = self.disk.kernel();
        kernel.check_alive(self.id)?;
        let descriptor = kernel.open(self.id, Storage::root(), false)?;
        Ok(SimDirectory::new(self.clone(), descriptor, None))
    }

    /// Opens a directory in the root directory by its path, which another directory may get later:
    /// [`Directory::is_at_path`](userdata_fs::Directory::is_at_path).
    ///
    /// # Errors
    ///
    /// `ENOENT` if the path does not exist, `ENOTDIR` if it is not a directory, `EMFILE`; `EBADF`
    /// if the process is dead.
    pub fn directory(&self, name: Name<'_>) -> Result<SimDirectory, Errno> {
        let mut kernel = self.disk.kernel();
        kernel.check_alive(self.id)?;
        let node = kernel.storage.look_up(Storage::root(), name.as_bytes())?;
        if !kernel.is_directory(node)? {
            return Err(Errno::NOTDIR);
        }
        let descriptor = kernel.open(self.id, node, false)?;
        Ok(SimDirectory::new(
            self.clone(),
            descriptor,
            Some(name.as_bytes()),
        ))
    }

    /// `SIGKILL`: closes the files of the process and releases its locks. Its later calls fail with
    /// `EBADF` and change nothing.
    pub fn kill(&self) {
        self.disk.kernel().kill(self.id);
    }

    /// `fork()`: a child that has the same files open. [`SimDirectory::in_process`] and
    /// [`SimFile::in_process`](crate::SimFile::in_process) give the child's handles.
    ///
    /// # Errors
    ///
    /// `EBADF` if the process is dead.
    pub fn fork(&self) -> Result<Self, Errno> {
        let id = self.disk.kernel().fork(self.id)?;
        Ok(Self {
            disk: self.disk.clone(),
            id,
        })
    }

    /// Changes how many files and directories the process may have open, from now on.
    pub fn limit_open_files(&self, limit: Option<usize>) {
        self.disk.kernel().limit_descriptors(self.id, limit);
    }

    /// How many files and directories it has open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.disk.kernel().descriptors(self.id)
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The disk that it works on.
    #[must_use]
    pub const fn disk(&self) -> &SimDisk {
        &self.disk
    }
}

impl SimDirectory {
    /// Puts a file under a name, durable at once, in place of the one that was there, if any.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there is no room, `ENOENT` if the directory was removed.
    pub fn plant(&self, name: Name<'_>, plant: Plant) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let (directory, clock) = (self.node(&mut kernel)?, kernel.clock());
        let body = match plant {
            Plant::File(bytes) => Body::file(bytes),
            Plant::Zeros(size) => Body::zeros(size),
            Plant::Symlink(target) => Body::Symlink(target.into()),
            Plant::Fifo => Body::Special(FileType::Fifo),
            Plant::Socket => Body::Special(FileType::Socket),
            Plant::Device => Body::Special(FileType::Device),
            Plant::Directory => Body::folder(directory),
        };
        kernel
            .storage
            .plant(directory, name.as_bytes(), body, clock)
    }
}
