//! Holders of a domain's lock: a thread until it is released, or a process until it is killed.

use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use userdata_core::store::{Durability, Keep, Op, Refused};
use userdata_core::{DomainKey, Store as _};
use userdata_fs::FileStore;

use crate::program::Program;
use crate::{host, locks, program};

/// Passes in a failing check only.
const LONG: Duration = program::LIMIT;

/// A thread of this process that holds the lock until this value is dropped or [`Holder::release`]d.
#[derive(Debug)]
pub(crate) struct Holder {
    go_on: Sender<()>,
    thread: JoinHandle<Result<()>>,
}

impl Holder {
    /// Starts the holder, and returns once it has the lock.
    pub(crate) fn start(key: DomainKey) -> Result<Self> {
        let (go_on, released) = mpsc::channel();
        let (held, is_held) = mpsc::channel();
        let thread = thread::spawn(move || {
            hold(&key, || {
                let _ = held.send(());
                // The wait also ends when the sender is dropped.
                let _ = released.recv();
            })
        });
        is_held
            .recv_timeout(program::LIMIT)
            .context("our lock is not acquired")?;
        Ok(Self { go_on, thread })
    }

    /// Releases the lock.
    pub(crate) fn release(self) -> Result<()> {
        drop(self.go_on);
        self.thread
            .join()
            .unwrap_or_else(|_| anyhow::bail!("the holder of our lock panicked"))
    }
}

/// Starts a process that holds the lock until it is killed, and returns once it has the lock.
pub(crate) fn start_process(key: &DomainKey) -> Result<Program> {
    let mut holder = Program::start(&["rig", "hold", &key.to_string()], b"")?;
    program::until("a process holds our lock", || {
        anyhow::ensure!(!holder.ended()?, "the holder of our lock ended");
        Ok(locks::of(key)?.holders.contains(&holder.pid()))
    })?;
    Ok(holder)
}

/// The code of that process.
pub(crate) fn hold_until_killed(key: &str) -> Result<bool> {
    hold(&key.parse()?, || {
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    })?;
    Ok(false)
}

/// Calls `meanwhile` under the lock, and changes nothing.
fn hold(key: &DomainKey, mut meanwhile: impl FnMut()) -> Result<()> {
    let store = FileStore::open(Path::new(host::DIRECTORY))?;
    let nothing = Op::Clear {
        keep: Keep::Essential,
        durability: Durability::Process,
    };
    let mut admit = |_: &_| {
        meanwhile();
        Err(Refused::NoSuchDomain)
    };
    match store.change(key, LONG, &mut admit, &[nothing]) {
        Ok(_) => anyhow::bail!("a change that was not admitted was made"),
        Err(error) => error.into_refused().map(drop).map_err(Into::into),
    }
}
