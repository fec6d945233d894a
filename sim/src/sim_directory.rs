//! `SimDirectory`: a directory of a simulated host.

mod damage;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, MutexGuard};
use std::thread;
use std::time::{Duration, SystemTime};

use userdata_fs::{Directory, Errno, Identity, LockMode, Metadata, Name, Promises, Turn};

use crate::SimProcess;
use crate::call::CallKind;
use crate::kernel::Kernel;
use crate::storage::{Body, Node, NodeId, Storage};

/// The device that every simulated file is on.
const DEVICE: u64 = 1;

/// When the clock of a simulated host starts: a day in 2010.
const BOOTED: Duration = Duration::from_secs(1_271_030_400);

/// A directory of a simulated host, opened by one of its processes. It answers as the Linux kernel
/// does for a process that may do anything.
pub struct SimDirectory {
    process: SimProcess,
    descriptor: u32,
    /// The path by which it, or the directory that it is in, was opened: names from the root
    /// directory on.
    path: Option<Arc<[Box<[u8]>]>>,
    /// Whether it is a child, which knows its path and not the directory that was there.
    is_child: bool,
}

/// A file of a simulated host, opened by one of its processes.
pub struct SimFile {
    process: SimProcess,
    descriptor: u32,
}

impl SimDirectory {
    pub(crate) fn new(process: SimProcess, descriptor: u32, path: Option<&[u8]>) -> Self {
        Self {
            process,
            descriptor,
            path: path.map(|name| Arc::from([Box::from(name)])),
            is_child: false,
        }
    }

    /// The same descriptor as a forked child has it. To be asked once for each child.
    #[must_use]
    pub fn in_process(&self, child: &SimProcess) -> Self {
        Self {
            process: child.clone(),
            descriptor: self.descriptor,
            path: self.path.clone(),
            is_child: self.is_child,
        }
    }

    pub(crate) fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.process.disk().kernel()
    }

    pub(crate) fn node(&self, kernel: &mut Kernel) -> Result<NodeId, Errno> {
        kernel.node_of(self.process.id(), self.descriptor)
    }

    fn opened(&self, kernel: &mut Kernel, node: NodeId, write: bool) -> Result<SimFile, Errno> {
        Ok(SimFile {
            process: self.process.clone(),
            descriptor: kernel.open(self.process.id(), node, write)?,
        })
    }

    /// The node under a name that a call opens, and the directory.
    fn opening(&self, kernel: &mut Kernel) -> Result<NodeId, Errno> {
        let node = self.node(kernel)?;
        kernel.check_descriptors(self.process.id())?;
        Ok(node)
    }

    /// The next batch of names of a listing.
    fn names_after(&self, after: Option<&[u8]>) -> Result<Vec<Arc<[u8]>>, Errno> {
        let mut kernel = self.kernel();
        let count = kernel.options.listed_at_once.max(1);
        let node = match after {
            None => self.opening(&mut kernel)?,
            Some(_) => self.node(&mut kernel)?,
        };
        kernel.storage.names(node, after, count)
    }
}

impl SimFile {
    /// The same descriptor as a forked child has it. To be asked once for each child.
    #[must_use]
    pub fn in_process(&self, child: &SimProcess) -> Self {
        Self {
            process: child.clone(),
            descriptor: self.descriptor,
        }
    }

    fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.process.disk().kernel()
    }
}

impl Directory for SimDirectory {
    type File = SimFile;

    fn create(&self, name: Name<'_>) -> Result<SimFile, Errno> {
        let mut kernel = self.kernel();
        let (directory, clock) = (self.opening(&mut kernel)?, kernel.clock());
        let node = kernel
            .storage
            .make_file(directory, name.as_bytes(), clock)?;
        let file = self.opened(&mut kernel, node, true)?;
        kernel.stepped(CallKind::Create, || format!("create {name}"));
        Ok(file)
    }

    fn open_lock(&self, name: Name<'_>) -> Result<SimFile, Errno> {
        let mut kernel = self.kernel();
        let directory = self.opening(&mut kernel)?;
        let node = kernel.storage.look_up(directory, name.as_bytes())?;
        if kernel.is_directory(node)? {
            return Err(Errno::ISDIR);
        }
        check_openable(kernel.storage.node(node)?)?;
        kernel.storage.check_writable_file(node)?;
        self.opened(&mut kernel, node, true)
    }

    fn open(&self, name: Name<'_>) -> Result<SimFile, Errno> {
        let mut kernel = self.kernel();
        let directory = self.opening(&mut kernel)?;
        let node = kernel.storage.look_up(directory, name.as_bytes())?;
        check_openable(kernel.storage.node(node)?)?;
        self.opened(&mut kernel, node, false)
    }

    fn open_in(&self, child: Name<'_>, name: Name<'_>) -> Result<SimFile, Errno> {
        let mut kernel = self.kernel();
        if !kernel.options.has_openat2 {
            return Err(Errno::NOSYS);
        }
        let directory = self.opening(&mut kernel)?;
        let child = kernel.storage.look_up(directory, child.as_bytes())?;
        match kernel.storage.node(child)?.body {
            Body::Directory(_) => {}
            Body::Symlink(_) => return Err(Errno::LOOP),
            _ => return Err(Errno::NOTDIR),
        }
        let node = kernel.storage.look_up(child, name.as_bytes())?;
        check_openable(kernel.storage.node(node)?)?;
        self.opened(&mut kernel, node, false)
    }

    fn close(&self, file: SimFile) -> Result<(), Errno> {
        let answer = self.kernel().check_alive(self.process.id());
        drop(file);
        answer
    }

    fn read(&self, file: &SimFile, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.kernel()
            .read(file.process.id(), file.descriptor, buffer)
    }

    fn write(&self, file: &SimFile, bytes: &[u8]) -> Result<usize, Errno> {
        let mut kernel = self.kernel();
        let count = kernel.write(file.process.id(), file.descriptor, bytes)?;
        kernel.stepped(CallKind::Write, || format!("write {count} bytes"));
        Ok(count)
    }

    fn metadata(&self, file: &SimFile) -> Result<Metadata, Errno> {
        let mut kernel = self.kernel();
        let node = kernel.node_of(file.process.id(), file.descriptor)?;
        Ok(metadata_of(kernel.storage.node(node)?))
    }

    fn metadata_at(&self, name: Name<'_>) -> Result<Metadata, Errno> {
        let mut kernel = self.kernel();
        let directory = self.node(&mut kernel)?;
        let node = kernel.storage.look_up(directory, name.as_bytes())?;
        Ok(metadata_of(kernel.storage.node(node)?))
    }

    fn metadata_by_path(&self, name: Name<'_>) -> Result<Metadata, Errno> {
        let Some(path) = &self.path else {
            return self.metadata_at(name);
        };
        let kernel = self.kernel();
        kernel.check_alive(self.process.id())?;
        let mut node = Storage::root();
        for part in path.iter() {
            node = kernel.storage.look_up(node, part)?;
        }
        let node = kernel.storage.look_up(node, name.as_bytes())?;
        Ok(metadata_of(kernel.storage.node(node)?))
    }

    fn own_metadata(&self) -> Result<Metadata, Errno> {
        let mut kernel = self.kernel();
        let node = self.node(&mut kernel)?;
        Ok(metadata_of(kernel.storage.node(node)?))
    }

    fn lock(&self, file: &SimFile, mode: LockMode) -> Result<(), Errno> {
        self.kernel()
            .lock(file.process.id(), file.descriptor, Some(mode))
    }

    fn unlock(&self, file: &SimFile) -> Result<(), Errno> {
        self.kernel().lock(file.process.id(), file.descriptor, None)
    }

    fn lock_itself(&self, mode: LockMode) -> Result<(), Errno> {
        self.kernel()
            .lock(self.process.id(), self.descriptor, Some(mode))
    }

    fn unlock_itself(&self) -> Result<(), Errno> {
        self.kernel().lock(self.process.id(), self.descriptor, None)
    }

    fn sync_file(&self, file: &SimFile) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let node = kernel.node_of(file.process.id(), file.descriptor)?;
        kernel.storage.sync(node)?;
        kernel.synced(file.process.id(), file.descriptor);
        kernel.stepped(CallKind::SyncFile, || "sync file".to_owned());
        Ok(())
    }

    fn write_back(&self, file: &SimFile) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let node = kernel.node_of(file.process.id(), file.descriptor)?;
        kernel.storage.write_back(node)?;
        kernel.synced(file.process.id(), file.descriptor);
        kernel.stepped(CallKind::WriteBack, || "write back".to_owned());
        Ok(())
    }

    fn sync_file_and_name(&self, file: &SimFile) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let node = kernel.node_of(file.process.id(), file.descriptor)?;
        kernel.storage.sync_file_and_name(node)?;
        kernel.synced(file.process.id(), file.descriptor);
        kernel.stepped(CallKind::SyncFileAndName, || {
            "sync file and name".to_owned()
        });
        Ok(())
    }

    fn sync_all(&self, file: &SimFile) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        kernel.node_of(file.process.id(), file.descriptor)?;
        kernel.storage.settle();
        kernel.stepped(CallKind::SyncAll, || "sync the file system".to_owned());
        Ok(())
    }

    fn promises(&self) -> Promises {
        self.kernel().options.promises
    }

    fn rename(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        self.rename_into(from, self, to)
    }

    fn rename_into(&self, from: Name<'_>, into: &Self, to: Name<'_>) -> Result<(), Errno> {
        if !self.process.disk().is(into.process.disk()) {
            return Err(Errno::XDEV);
        }
        let mut kernel = self.kernel();
        let (old, new) = (self.node(&mut kernel)?, into.node(&mut kernel)?);
        let (from_bytes, to_bytes) = (from.as_bytes(), to.as_bytes());
        if kernel.storage.rename((old, from_bytes), (new, to_bytes))? {
            kernel.stepped(CallKind::Rename, || format!("rename {from} {to}"));
        }
        Ok(())
    }

    fn rename_no_replace(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let directory = self.node(&mut kernel)?;
        let (from_bytes, to_bytes) = (from.as_bytes(), to.as_bytes());
        kernel
            .storage
            .rename_no_replace(directory, from_bytes, to_bytes)?;
        kernel.stepped(CallKind::RenameNoReplace, || {
            format!("rename {from} {to}, replacing nothing")
        });
        Ok(())
    }

    fn link(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let directory = self.node(&mut kernel)?;
        let (from_bytes, to_bytes) = (from.as_bytes(), to.as_bytes());
        kernel.storage.link(directory, from_bytes, to_bytes)?;
        kernel.stepped(CallKind::Link, || format!("link {from} {to}"));
        Ok(())
    }

    fn unlink(&self, name: Name<'_>) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let directory = self.node(&mut kernel)?;
        kernel.storage.unlink(directory, name.as_bytes())?;
        kernel.stepped(CallKind::Unlink, || format!("unlink {name}"));
        Ok(())
    }

    fn make_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let (directory, clock) = (self.node(&mut kernel)?, kernel.clock());
        kernel
            .storage
            .make_directory(directory, name.as_bytes(), clock)?;
        kernel.stepped(CallKind::MakeDirectory, || format!("make directory {name}"));
        Ok(())
    }

    fn open_directory(&self, name: Name<'_>) -> Result<Self, Errno> {
        let mut kernel = self.kernel();
        let directory = self.opening(&mut kernel)?;
        let node = kernel.storage.look_up(directory, name.as_bytes())?;
        if !kernel.is_directory(node)? {
            return Err(Errno::NOTDIR);
        }
        let descriptor = kernel.open(self.process.id(), node, false)?;
        let path = self.path.as_ref().map(|path| {
            let below = path.iter().cloned().chain([name.as_bytes().into()]);
            below.collect()
        });
        Ok(Self {
            process: self.process.clone(),
            descriptor,
            path,
            is_child: true,
        })
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let directory = self.node(&mut kernel)?;
        kernel
            .storage
            .remove_directory(directory, name.as_bytes())?;
        kernel.stepped(CallKind::RemoveDirectory, || {
            format!("remove directory {name}")
        });
        Ok(())
    }

    fn list(&self, each: &mut dyn FnMut(Name<'_>) -> ControlFlow<()>) -> Result<(), Errno> {
        let mut names = self.names_after(None)?;
        // The directory may be changed while `each` looks at what was found.
        while let Some(last) = names.last().cloned() {
            for name in &names {
                if let Some(name) = Name::new(name)
                    && each(name).is_break()
                {
                    return Ok(());
                }
            }
            names = self.names_after(Some(&last))?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let directory = self.node(&mut kernel)?;
        kernel.storage.sync(directory)?;
        kernel.stepped(CallKind::Sync, || "sync directory".to_owned());
        Ok(())
    }

    fn is_at_path(&self) -> Result<bool, Errno> {
        let mut kernel = self.kernel();
        let node = self.node(&mut kernel)?;
        if let Some([name]) = self.path.as_deref().filter(|_| !self.is_child) {
            return Ok(kernel.storage.look_up(Storage::root(), name)? == node);
        }
        match kernel.storage.node(node)?.links {
            0 => Err(Errno::NOENT),
            _ => Ok(true),
        }
    }

    fn now(&self) -> Duration {
        self.kernel().now(self.process.id())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a real pause sleeps on the real clock as well"
    )]
    fn pause(&self, span: Duration) {
        let mut kernel = self.kernel();
        if kernel.check_alive(self.process.id()).is_err() {
            return;
        }
        kernel.pass(span);
        let real = kernel.options.real_pauses;
        drop(kernel);
        if real {
            thread::sleep(span);
        }
    }

    /// Unless pauses are real, no other thread runs meanwhile: the time passes.
    fn await_turn(&self, _lock: Name<'_>, turn: &Turn, span: Duration) {
        let kernel = self.kernel();
        if kernel.check_alive(self.process.id()).is_err() {
            return;
        }
        let real = kernel.options.real_pauses;
        drop(kernel);
        if real {
            turn.wait(span);
        }
        if !turn.is_given() {
            self.kernel().pass(span);
        }
    }

    fn give_turn(&self, _lock: Name<'_>, turn: &Turn) {
        turn.give();
    }

    fn random(&self) -> Result<u128, Errno> {
        let mut kernel = self.kernel();
        kernel.check_alive(self.process.id())?;
        Ok(kernel.random.draw_wide())
    }

    fn process(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for SimDirectory {
    fn drop(&mut self) {
        self.kernel().close(self.process.id(), self.descriptor);
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.kernel().close(self.process.id(), self.descriptor);
    }
}

impl fmt::Debug for SimDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimDirectory({}:{})", self.process.id(), self.descriptor)
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimFile({}:{})", self.process.id(), self.descriptor)
    }
}

fn check_openable(node: &Node) -> Result<(), Errno> {
    use userdata_core::store::FileType;
    match node.body {
        Body::Symlink(_) => Err(Errno::LOOP),
        Body::Special(FileType::Socket) => Err(Errno::NXIO),
        _ => Ok(()),
    }
}

fn metadata_of(node: &Node) -> Metadata {
    Metadata {
        identity: Identity {
            device: DEVICE,
            inode: node.number,
        },
        file_type: node.file_type(),
        size: node.size(),
        modified: SystemTime::UNIX_EPOCH + BOOTED + node.modified,
    }
}
