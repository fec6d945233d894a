//! `Uninterrupted`: a directory that repeats the calls that a signal interrupts.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::{Directory, Errno, LockMode, Metadata, Name, Promises, Turn};

/// How often a call is repeated because a signal came in between.
const TRIES_MAX: u32 = 64;

/// Repeats a call that a signal interrupted, within a bound. Syncs are never repeated: the answer
/// of the second call would not cover the same bytes.
#[derive(Debug)]
pub(crate) struct Uninterrupted<D>(pub(crate) D);

fn repeat<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    for _ in 1..TRIES_MAX {
        match call() {
            Err(Errno::INTR) => {}
            answer => return answer,
        }
    }
    call()
}

impl<D: Directory> Uninterrupted<D> {
    /// Closes a file that was only read or locked. Errors are ignored: no bytes can be lost, and
    /// the kernel releases the descriptor and the lock in any case.
    pub(crate) fn close_unwritten(&self, file: D::File) {
        let _ = self.close(file);
    }
}

impl<D: Directory> Directory for Uninterrupted<D> {
    type File = D::File;

    fn create(&self, name: Name<'_>) -> Result<D::File, Errno> {
        repeat(|| self.0.create(name))
    }

    fn open_lock(&self, name: Name<'_>) -> Result<D::File, Errno> {
        repeat(|| self.0.open_lock(name))
    }

    fn open(&self, name: Name<'_>) -> Result<D::File, Errno> {
        repeat(|| self.0.open(name))
    }

    fn open_in(&self, child: Name<'_>, name: Name<'_>) -> Result<D::File, Errno> {
        repeat(|| self.0.open_in(child, name))
    }

    fn close(&self, file: D::File) -> Result<(), Errno> {
        match self.0.close(file) {
            // The descriptor is closed already, and may belong to another file by now.
            Err(Errno::INTR) => Ok(()),
            closed => closed,
        }
    }

    fn read(&self, file: &D::File, buffer: &mut [u8]) -> Result<usize, Errno> {
        repeat(|| self.0.read(file, buffer))
    }

    fn write(&self, file: &D::File, bytes: &[u8]) -> Result<usize, Errno> {
        repeat(|| self.0.write(file, bytes))
    }

    fn metadata(&self, file: &D::File) -> Result<Metadata, Errno> {
        repeat(|| self.0.metadata(file))
    }

    fn metadata_at(&self, name: Name<'_>) -> Result<Metadata, Errno> {
        repeat(|| self.0.metadata_at(name))
    }

    fn metadata_by_path(&self, name: Name<'_>) -> Result<Metadata, Errno> {
        repeat(|| self.0.metadata_by_path(name))
    }

    fn own_metadata(&self) -> Result<Metadata, Errno> {
        repeat(|| self.0.own_metadata())
    }

    fn lock(&self, file: &D::File, mode: LockMode) -> Result<(), Errno> {
        repeat(|| self.0.lock(file, mode))
    }

    fn unlock(&self, file: &D::File) -> Result<(), Errno> {
        repeat(|| self.0.unlock(file))
    }

    fn lock_itself(&self, mode: LockMode) -> Result<(), Errno> {
        repeat(|| self.0.lock_itself(mode))
    }

    fn unlock_itself(&self) -> Result<(), Errno> {
        repeat(|| self.0.unlock_itself())
    }

    fn sync_file(&self, file: &D::File) -> Result<(), Errno> {
        self.0.sync_file(file)
    }

    fn write_back(&self, file: &D::File) -> Result<(), Errno> {
        self.0.write_back(file)
    }

    fn sync_file_and_name(&self, file: &D::File) -> Result<(), Errno> {
        self.0.sync_file_and_name(file)
    }

    fn sync_all(&self, file: &D::File) -> Result<(), Errno> {
        self.0.sync_all(file)
    }

    fn promises(&self) -> Promises {
        self.0.promises()
    }

    fn rename(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        repeat(|| self.0.rename(from, to))
    }

    fn rename_into(&self, from: Name<'_>, into: &Self, to: Name<'_>) -> Result<(), Errno> {
        repeat(|| self.0.rename_into(from, &into.0, to))
    }

    fn rename_no_replace(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        repeat(|| self.0.rename_no_replace(from, to))
    }

    fn link(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        repeat(|| self.0.link(from, to))
    }

    fn unlink(&self, name: Name<'_>) -> Result<(), Errno> {
        repeat(|| self.0.unlink(name))
    }

    fn make_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        repeat(|| self.0.make_directory(name))
    }

    fn open_directory(&self, name: Name<'_>) -> Result<Self, Errno> {
        repeat(|| self.0.open_directory(name)).map(Self)
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        repeat(|| self.0.remove_directory(name))
    }

    fn list(&self, each: &mut dyn FnMut(Name<'_>) -> ControlFlow<()>) -> Result<(), Errno> {
        self.0.list(each)
    }

    fn sync(&self) -> Result<(), Errno> {
        self.0.sync()
    }

    fn is_at_path(&self) -> Result<bool, Errno> {
        repeat(|| self.0.is_at_path())
    }

    fn now(&self) -> Duration {
        self.0.now()
    }

    fn pause(&self, span: Duration) {
        self.0.pause(span);
    }

    fn await_turn(&self, lock: Name<'_>, turn: &Turn, span: Duration) {
        self.0.await_turn(lock, turn, span);
    }

    fn give_turn(&self, lock: Name<'_>, turn: &Turn) {
        self.0.give_turn(lock, turn);
    }

    fn random(&self) -> Result<u128, Errno> {
        repeat(|| self.0.random())
    }

    fn process(&self) -> u32 {
        self.0.process()
    }
}
