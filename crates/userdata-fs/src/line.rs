//! `Line`: the threads of one process that want the lock of one domain, in order of their arrival.
//!
//! `flock(2)` is not fair: of many threads that poll for a lock, some may get it again and again
//! while others wait until their timeouts end. So the clones of one store share a line, and only
//! the first thread in it polls the lock file. Each of the others sleeps until the thread before it
//! has left the line, or until its timeout ends.
//!
//! The line only makes the lock fair. Other threads and processes are excluded by the lock file,
//! also where a thread has no place in a line.
//!
//! # After `fork`
//!
//! A forked child has a copy of its parent's line, and none of the threads in it. Its mutex may be
//! locked for ever. So a line belongs to one process, and a child that finds the line of its parent
//! makes its own, without locking the parent's.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, Owner};
use userdata_core::store::StoreErrorKind;

use crate::uninterrupted::Uninterrupted;
use crate::wait::Timeout;
use crate::{Directory, FileStore, Turn};

/// The threads of one process that want or hold a lock, of all domains together.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The process whose line it is; 0 until a thread stands in it.
    process: AtomicU32,
    pub(crate) standing: Mutex<Standing>,
    /// A thread makes the line of a forked child, or made it.
    pub(crate) has_child: AtomicBool,
    child: OnceLock<Box<Line>>,
}

/// In order of arrival. A thread stands here only while it makes a change.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) threads: Vec<Thread>,
    next_ticket: u64,
}

#[derive(Debug)]
pub(crate) struct Thread {
    ticket: u64,
    /// The domain whose lock it wants.
    owner: Owner,
    /// `None` if no thread was before it.
    turn: Option<Turn>,
}

/// A thread's place in the line. Dropping it leaves the line.
pub(crate) struct Place<'a, D: Directory> {
    store: &'a FileStore<D>,
    domain: DomainKey,
    process: u32,
    /// Where it stands, with its ticket.
    stands: Option<(&'a Line, u64)>,
}

impl Line {
    /// The line of this process. `None` while another thread makes it. A child that is forked at
    /// that moment never has a line.
    fn of(&self, process: u32) -> Option<&Self> {
        let mut line = self;
        while let Some(child) = line.child.get() {
            line = child;
        }
        let claimed =
            (line.process).compare_exchange(0, process, Ordering::AcqRel, Ordering::Acquire);
        if claimed.is_ok() || claimed == Err(process) {
            return Some(line);
        }
        // Only one thread may initialise the child's line: another one would wait for it, and after
        // a fork for ever.
        if line.has_child.swap(true, Ordering::AcqRel) {
            return line.child.get().map(|child| &**child);
        }
        let child = Self {
            process: AtomicU32::new(process),
            ..Self::default()
        };
        Some(line.child.get_or_init(|| Box::new(child)))
    }

    /// Locks it, if it is the line of the process that calls.
    fn standing(&self, is_own: impl FnOnce() -> bool) -> Option<MutexGuard<'_, Standing>> {
        match self.standing.try_lock() {
            Ok(standing) => Some(standing),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if is_own() => {
                let standing = self.standing.lock();
                Some(standing.unwrap_or_else(PoisonError::into_inner))
            }
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Standing {
    /// Puts a thread at the end. The result is its ticket, and its turn if it has to wait for one.
    fn join(&mut self, owner: Owner) -> (u64, Option<Turn>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let turn = self.first(owner).map(|_| Turn::new());
        self.threads.push(Thread {
            ticket,
            owner,
            turn: turn.clone(),
        });
        (ticket, turn)
    }

    /// Removes a thread. If it was the first, the result is the turn of the next.
    fn leave(&mut self, ticket: u64) -> Option<Turn> {
        let place = self.threads.iter().position(|one| one.ticket == ticket)?;
        let owner = self.threads.get(place)?.owner;
        let is_first = self.first(owner).is_some_and(|one| one.ticket == ticket);
        self.threads.remove(place);
        let next = self.first(owner).filter(|_| is_first);
        next.and_then(|next| next.turn.clone())
    }

    fn first(&self, owner: Owner) -> Option<&Thread> {
        self.threads.iter().find(|one| one.owner == owner)
    }
}

impl<'a, D: Directory> Place<'a, D> {
    /// Lines up for the lock of this name, and waits until no other thread of this process is
    /// before this one, or the timeout ends.
    pub(crate) fn take(
        store: &'a FileStore<D>,
        domain: &DomainKey,
        lock: &FileName,
        timeout: Timeout,
    ) -> Result<Self, StoreErrorKind> {
        let directory = &*store.directory;
        let mut place = Self {
            store,
            domain: *domain,
            process: directory.process(),
            stands: None,
        };
        let line = store.line.of(place.process);
        let Some((line, mut standing)) = line.and_then(|l| Some((l, l.standing(|| true)?))) else {
            return Ok(place);
        };
        let (ticket, turn) = standing.join(lock.owner());
        drop(standing);
        place.stands = Some((line, ticket));
        if let Some(turn) = turn {
            let remaining = timeout.remaining(directory)?;
            directory.await_turn(lock.into(), &turn, remaining);
            if !turn.is_given() {
                return Err(timeout.passed(directory));
            }
        }
        Ok(place)
    }

    /// The process whose thread has this place.
    pub(crate) const fn process(&self) -> u32 {
        self.process
    }

    fn directory(&self) -> &'a Uninterrupted<D> {
        &self.store.directory
    }
}

impl<D: Directory> Drop for Place<'_, D> {
    /// Leaves the line, and gives the next thread its turn. In a forked child nothing waits for
    /// this place. It costs no system call unless another thread is in the line.
    fn drop(&mut self) {
        let Some((line, ticket)) = self.stands else {
            return;
        };
        let is_own = || self.directory().process() == self.process;
        let left = line.standing(is_own);
        let next = left.and_then(|mut standing| standing.leave(ticket));
        if let Some(turn) = next.filter(|_| is_own()) {
            let lock = FileName::lock(self.store.format, &self.domain);
            self.directory().give_turn((&lock).into(), &turn);
        }
    }
}
