//! A storm: our library stores the numbers from 1 on, one after another, until the domain is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Result, bail, ensure};
use userdata::UserdataErrorKind;
use userdata_core::store::Durability;
use userdata_core::{DomainKey, WritableUserid};

use crate::{ours, program};

/// A thread that stores without a break.
#[derive(Debug)]
pub(crate) struct Storm(JoinHandle<Result<Ended>>);

/// The result of a storm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) stored: usize,
    /// The stores that were refused because the domain was being destroyed.
    pub(crate) refused: usize,
}

impl Storm {
    /// Starts a storm, and returns once it has stored a value.
    pub(crate) fn start(key: DomainKey) -> Result<Self> {
        Self::start_under(key, ours::USERID)
    }

    /// As [`Storm::start`], under another userid.
    pub(crate) fn start_under(key: DomainKey, userid: &str) -> Result<Self> {
        let userid = WritableUserid::new(userid)?;
        let stored = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&stored);
        let thread = thread::spawn(move || rage(key, &userid, &count));
        program::until("a storm of our stores has begun", || {
            ensure!(!thread.is_finished(), "the storm ended before it began");
            Ok(stored.load(Ordering::SeqCst) > 0)
        })?;
        Ok(Self(thread))
    }

    /// Waits until the domain is gone. Fails if a store failed for another reason, or if a store
    /// succeeded after another had been refused.
    pub(crate) fn wait(self) -> Result<Ended> {
        self.0
            .join()
            .unwrap_or_else(|_| bail!("the storm panicked"))
    }
}

fn rage(key: DomainKey, userid: &WritableUserid, stored: &AtomicUsize) -> Result<Ended> {
    let userdata = ours::library(ours::xen()?)?.with_durability(Durability::Process);
    let mut refused = 0;
    loop {
        // The last value tells how many were stored.
        let number = stored.load(Ordering::SeqCst) + 1;
        match userdata.store(key, userid, number.to_string().as_bytes()) {
            Ok(_) => {
                ensure!(
                    refused == 0,
                    "a store was made after another had been refused"
                );
                stored.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => match error.kind() {
                UserdataErrorKind::BeingDestroyed => refused += 1,
                UserdataErrorKind::NoSuchDomain => break,
                _ => return Err(error.into()),
            },
        }
    }
    Ok(Ended {
        stored: stored.load(Ordering::SeqCst),
        refused,
    })
}
