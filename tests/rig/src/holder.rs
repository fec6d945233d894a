//! Holders of a domain's lock: in this process until they are told to go on, or in one of their own
//! until it is killed.

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

/// Long enough for any machine.
const PATIENCE: Duration = program::LIMIT;

/// This process holds the lock until this value is dropped or [`Holder::release`]d.
#[derive(Debug)]
pub(crate) struct Holder {
    go_on: Sender<()>,
    thread: JoinHandle<Result<()>>,
}

impl Holder {
    /// Returns when the lock is held.
    pub(crate) fn start(key: DomainKey) -> Result<Self> {
        let (go_on, told) = mpsc::channel();
        let (held, is_held) = mpsc::channel();
        let thread = thread::spawn(move || {
            hold(&key, || {
                let _ = held.send(());
                // Ends when the other side is dropped, too.
                let _ = told.recv();
            })
        });
        is_held
            .recv_timeout(program::LIMIT)
            .context("our lock is not had")?;
        Ok(Self { go_on, thread })
    }

    /// Lets the lock go.
    pub(crate) fn release(self) -> Result<()> {
        drop(self.go_on);
        self.thread
            .join()
            .unwrap_or_else(|_| anyhow::bail!("the holder of our lock panicked"))
    }
}

/// A process of its own that holds the lock, and goes on to do so until it is killed.
pub(crate) fn start_process(key: &DomainKey) -> Result<Program> {
    let mut holder = Program::start(&["rig", "hold", &key.to_string()], b"")?;
    program::until("a process holds our lock", || {
        anyhow::ensure!(!holder.ended()?, "the holder of our lock ended");
        Ok(locks::of(key)?.holders.contains(&holder.pid()))
    })?;
    Ok(holder)
}

/// What that process does.
pub(crate) fn hold_until_killed(key: &str) -> Result<bool> {
    hold(&key.parse()?, || {
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    })?;
    Ok(false)
}

/// Calls `meanwhile` with the lock held, and changes nothing.
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
    match store.change(key, PATIENCE, &mut admit, &[nothing]) {
        Ok(_) => anyhow::bail!("a change that was not admitted was made"),
        Err(error) => error.into_refused().map(drop).map_err(Into::into),
    }
}
