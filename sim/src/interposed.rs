//! `Interposed`: a directory with an interceptor in front of it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use userdata_fs::{Directory, Errno, LockMode, Metadata, Name, Promises, Turn};

use crate::call::{Answer, Call};
use crate::interceptor::{Interceptor, Verdict};

/// A directory with an [`Interceptor`] before it.
#[derive(Debug)]
pub struct Interposed<D: Directory, I: ?Sized> {
    inner: D,
    interceptor: Arc<I>,
    /// Makes the disk lose the bytes when a sync of a file is made to fail.
    lose: fn(&D, &D::File),
    /// Makes readers, too, lose the bytes when a close is made to fail.
    lose_written: fn(&D, &D::File),
    number: u64,
    /// The number of what is opened next.
    next: Arc<AtomicU64>,
}

/// A file of an [`Interposed`] directory.
#[derive(Debug)]
pub struct InterposedFile<F> {
    inner: F,
    number: u64,
}

impl<F> InterposedFile<F> {
    /// The file behind.
    #[must_use]
    pub const fn inner(&self) -> &F {
        &self.inner
    }
}

impl<D: Directory, I: Interceptor> Interposed<D, I> {
    /// This directory behind this interceptor.
    #[must_use]
    pub fn new(inner: D, interceptor: I) -> Self {
        Self::behind(Arc::new(interceptor), inner)
    }
}

impl<D: Directory, I: Interceptor + ?Sized> Interposed<D, I> {
    /// This directory behind this interceptor, which may be a `dyn` one: one type for all of them,
    /// so that the store is compiled for it once.
    #[must_use]
    pub fn behind(interceptor: Arc<I>, inner: D) -> Self {
        Self {
            inner,
            interceptor,
            lose: |_, _| {},
            lose_written: |_, _| {},
            number: 0,
            next: Arc::new(AtomicU64::new(1)),
        }
    }

    /// The same, but a sync that is made to fail also calls `lose`, which makes this directory lose
    /// the bytes: [`SimDirectory::lose_writeback`](crate::SimDirectory::lose_writeback).
    #[must_use]
    pub fn losing(mut self, lose: fn(&D, &D::File)) -> Self {
        self.lose = lose;
        self
    }

    /// The same, but a close that is made to fail also calls `lose`, which makes this directory
    /// lose the bytes that were written:
    /// [`SimDirectory::lose_written`](crate::SimDirectory::lose_written).
    #[must_use]
    pub fn losing_at_close(mut self, lose: fn(&D, &D::File)) -> Self {
        self.lose_written = lose;
        self
    }

    /// The interceptor in front of it.
    #[must_use]
    pub fn interceptor(&self) -> &I {
        &self.interceptor
    }

    /// The directory behind.
    #[must_use]
    pub const fn inner(&self) -> &D {
        &self.inner
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn after(&self, call: &Call<'_>, answer: Result<Answer<'_>, Errno>) {
        self.interceptor.after(self.inner.process(), call, answer);
    }

    /// Makes a call, unless the interceptor fails it.
    fn pass<T>(
        &self,
        call: Call<'_>,
        make: impl FnOnce(Verdict) -> Result<T, Errno>,
        answer: impl FnOnce(&T) -> Answer<'_>,
    ) -> Result<T, Errno> {
        let made = match self.interceptor.before(self.inner.process(), &call) {
            Verdict::Fail(errno) => Err(errno),
            verdict => make(verdict),
        };
        match &made {
            Ok(value) => self.after(&call, Ok(answer(value))),
            Err(errno) => self.after(&call, Err(*errno)),
        }
        made
    }

    /// Makes a call that returns no value, unless the interceptor fails it or pretends.
    fn pass_done(
        &self,
        call: Call<'_>,
        make: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let make = |verdict| {
            if verdict == Verdict::Pretend {
                Ok(())
            } else {
                make()
            }
        };
        self.pass(call, make, |()| Answer::Done)
    }

    /// Makes a call that writes the bytes of a file to the disk. If the interceptor fails it, the
    /// disk loses the bytes.
    fn pass_sync(
        &self,
        call: Call<'_>,
        file: &InterposedFile<D::File>,
        make: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let made = match self.interceptor.before(self.inner.process(), &call) {
            Verdict::Fail(errno) => {
                // A signal comes before anything is written, and so does a call that is not there.
                if !matches!(errno, Errno::INTR | Errno::NOSYS) {
                    (self.lose)(&self.inner, &file.inner);
                }
                Err(errno)
            }
            Verdict::Pretend => Ok(()),
            Verdict::Proceed | Verdict::Short(_) => make(),
        };
        self.after(&call, made.map(|()| Answer::Done));
        made
    }

    fn pass_open(
        &self,
        call: Call<'_>,
        open: impl FnOnce() -> Result<D::File, Errno>,
    ) -> Result<InterposedFile<D::File>, Errno> {
        let open = |_| {
            open().map(|inner| InterposedFile {
                inner,
                number: self.number(),
            })
        };
        self.pass(call, open, |file| Answer::Opened(file.number))
    }
}

impl<D: Directory, I: Interceptor + ?Sized> Directory for Interposed<D, I> {
    type File = InterposedFile<D::File>;

    fn create(&self, name: Name<'_>) -> Result<Self::File, Errno> {
        self.pass_open(Call::Create { name }, || self.inner.create(name))
    }

    fn open_lock(&self, name: Name<'_>) -> Result<Self::File, Errno> {
        self.pass_open(Call::OpenLock { name }, || self.inner.open_lock(name))
    }

    fn open(&self, name: Name<'_>) -> Result<Self::File, Errno> {
        self.pass_open(Call::Open { name }, || self.inner.open(name))
    }

    fn open_in(&self, child: Name<'_>, name: Name<'_>) -> Result<Self::File, Errno> {
        self.pass_open(Call::OpenIn { child, name }, || {
            self.inner.open_in(child, name)
        })
    }

    fn close(&self, file: Self::File) -> Result<(), Errno> {
        let call = Call::Close { file: file.number };
        let verdict = self.interceptor.before(self.inner.process(), &call);
        if let Verdict::Fail(errno) = verdict
            && errno != Errno::INTR
        {
            (self.lose_written)(&self.inner, &file.inner);
        }
        // It is closed in any case.
        let closed = self.inner.close(file.inner);
        let closed = match verdict {
            Verdict::Fail(errno) => Err(errno),
            _ => closed,
        };
        self.after(&call, closed.map(|()| Answer::Done));
        closed
    }

    fn read(&self, file: &Self::File, buffer: &mut [u8]) -> Result<usize, Errno> {
        let (number, length) = (file.number, buffer.len());
        let call = Call::Read {
            file: number,
            length,
        };
        let made = match self.interceptor.before(self.inner.process(), &call) {
            Verdict::Fail(errno) => Err(errno),
            Verdict::Short(most) => {
                let most = most.min(length);
                self.inner
                    .read(&file.inner, buffer.get_mut(..most).unwrap_or_default())
            }
            Verdict::Proceed | Verdict::Pretend => self.inner.read(&file.inner, buffer),
        };
        let answer = made.map(|count| Answer::Read(buffer.get(..count).unwrap_or_default()));
        self.after(&call, answer);
        made
    }

    fn write(&self, file: &Self::File, bytes: &[u8]) -> Result<usize, Errno> {
        let call = Call::Write {
            file: file.number,
            bytes,
        };
        let write = |verdict| match verdict {
            Verdict::Short(0) => Ok(0),
            Verdict::Short(most) => self
                .inner
                .write(&file.inner, bytes.get(..most).unwrap_or(bytes)),
            _ => self.inner.write(&file.inner, bytes),
        };
        self.pass(call, write, |count| Answer::Written(*count))
    }

    fn metadata(&self, file: &Self::File) -> Result<Metadata, Errno> {
        let call = Call::Metadata { file: file.number };
        let make = |_| self.inner.metadata(&file.inner);
        self.pass(call, make, |metadata| Answer::Metadata(*metadata))
    }

    fn metadata_at(&self, name: Name<'_>) -> Result<Metadata, Errno> {
        let make = |_| self.inner.metadata_at(name);
        self.pass(Call::MetadataAt { name }, make, |metadata| {
            Answer::Metadata(*metadata)
        })
    }

    fn metadata_by_path(&self, name: Name<'_>) -> Result<Metadata, Errno> {
        let make = |_| self.inner.metadata_by_path(name);
        self.pass(Call::MetadataByPath { name }, make, |metadata| {
            Answer::Metadata(*metadata)
        })
    }

    fn own_metadata(&self) -> Result<Metadata, Errno> {
        let call = Call::Metadata { file: self.number };
        let make = |_| self.inner.own_metadata();
        self.pass(call, make, |metadata| Answer::Metadata(*metadata))
    }

    fn lock(&self, file: &Self::File, mode: LockMode) -> Result<(), Errno> {
        let call = Call::Lock {
            file: file.number,
            mode,
        };
        self.pass_done(call, || self.inner.lock(&file.inner, mode))
    }

    fn unlock(&self, file: &Self::File) -> Result<(), Errno> {
        let call = Call::Unlock { file: file.number };
        self.pass_done(call, || self.inner.unlock(&file.inner))
    }

    fn lock_itself(&self, mode: LockMode) -> Result<(), Errno> {
        let call = Call::Lock {
            file: self.number,
            mode,
        };
        self.pass_done(call, || self.inner.lock_itself(mode))
    }

    fn unlock_itself(&self) -> Result<(), Errno> {
        let call = Call::Unlock { file: self.number };
        self.pass_done(call, || self.inner.unlock_itself())
    }

    fn sync_file(&self, file: &Self::File) -> Result<(), Errno> {
        let call = Call::SyncFile { file: file.number };
        self.pass_sync(call, file, || self.inner.sync_file(&file.inner))
    }

    fn write_back(&self, file: &Self::File) -> Result<(), Errno> {
        let call = Call::WriteBack { file: file.number };
        self.pass_sync(call, file, || self.inner.write_back(&file.inner))
    }

    fn sync_file_and_name(&self, file: &Self::File) -> Result<(), Errno> {
        let call = Call::SyncFileAndName { file: file.number };
        self.pass_sync(call, file, || self.inner.sync_file_and_name(&file.inner))
    }

    fn sync_all(&self, file: &Self::File) -> Result<(), Errno> {
        let call = Call::SyncAll { file: file.number };
        self.pass_done(call, || self.inner.sync_all(&file.inner))
    }

    fn promises(&self) -> Promises {
        self.inner.promises()
    }

    fn rename(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        self.pass_done(Call::Rename { from, to }, || self.inner.rename(from, to))
    }

    fn rename_into(&self, from: Name<'_>, into: &Self, to: Name<'_>) -> Result<(), Errno> {
        let call = Call::RenameInto {
            from,
            into: into.number,
            to,
        };
        self.pass_done(call, || self.inner.rename_into(from, &into.inner, to))
    }

    fn rename_no_replace(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        self.pass_done(Call::RenameNoReplace { from, to }, || {
            self.inner.rename_no_replace(from, to)
        })
    }

    fn link(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        self.pass_done(Call::Link { from, to }, || self.inner.link(from, to))
    }

    fn unlink(&self, name: Name<'_>) -> Result<(), Errno> {
        self.pass_done(Call::Unlink { name }, || self.inner.unlink(name))
    }

    fn make_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        self.pass_done(Call::MakeDirectory { name }, || {
            self.inner.make_directory(name)
        })
    }

    fn open_directory(&self, name: Name<'_>) -> Result<Self, Errno> {
        let open = |_| {
            self.inner.open_directory(name).map(|inner| Self {
                inner,
                interceptor: Arc::clone(&self.interceptor),
                lose: self.lose,
                lose_written: self.lose_written,
                number: self.number(),
                next: Arc::clone(&self.next),
            })
        };
        self.pass(Call::OpenDirectory { name }, open, |child| {
            Answer::Opened(child.number)
        })
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        self.pass_done(Call::RemoveDirectory { name }, || {
            self.inner.remove_directory(name)
        })
    }

    fn list(&self, each: &mut dyn FnMut(Name<'_>) -> ControlFlow<()>) -> Result<(), Errno> {
        let list = |verdict| {
            let mut shown = 0;
            let mut broken = false;
            self.inner.list(&mut |name| {
                if verdict == Verdict::Short(shown) {
                    broken = true;
                    return ControlFlow::Break(());
                }
                shown += 1;
                let call = Call::Listed { name };
                let _ = self.interceptor.before(self.inner.process(), &call);
                each(name)
            })?;
            if broken { Err(Errno::IO) } else { Ok(shown) }
        };
        self.pass(Call::List, list, |shown| Answer::Names(*shown))
            .map(drop)
    }

    fn sync(&self) -> Result<(), Errno> {
        self.pass_done(Call::Sync, || self.inner.sync())
    }

    fn is_at_path(&self) -> Result<bool, Errno> {
        self.pass(
            Call::IsAtPath,
            |_| self.inner.is_at_path(),
            |is| Answer::Is(*is),
        )
    }

    fn now(&self) -> Duration {
        let _ = self.interceptor.before(self.inner.process(), &Call::Now);
        let now = self.inner.now();
        self.after(&Call::Now, Ok(Answer::Time(now)));
        now
    }

    fn pause(&self, span: Duration) {
        let call = Call::Pause { span };
        // An interceptor that pretends has let the time pass itself.
        if self.interceptor.before(self.inner.process(), &call) != Verdict::Pretend {
            self.inner.pause(span);
        }
        self.after(&call, Ok(Answer::Done));
    }

    fn await_turn(&self, lock: Name<'_>, turn: &Turn, span: Duration) {
        let call = Call::AwaitTurn { lock, turn, span };
        // An interceptor that pretends has let the other threads run itself.
        if self.interceptor.before(self.inner.process(), &call) != Verdict::Pretend {
            self.inner.await_turn(lock, turn, span);
        }
        self.after(&call, Ok(Answer::Done));
    }

    fn give_turn(&self, lock: Name<'_>, turn: &Turn) {
        let call = Call::GiveTurn { lock, turn };
        let _ = self.interceptor.before(self.inner.process(), &call);
        self.inner.give_turn(lock, turn);
        self.after(&call, Ok(Answer::Done));
    }

    fn random(&self) -> Result<u128, Errno> {
        self.pass(
            Call::Random,
            |_| self.inner.random(),
            |number| Answer::Random(*number),
        )
    }

    fn process(&self) -> u32 {
        let process = self.inner.process();
        let _ = self.interceptor.before(process, &Call::Process);
        self.after(&Call::Process, Ok(Answer::Process(process)));
        process
    }
}
