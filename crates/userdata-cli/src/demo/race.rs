//! A value that is replaced again and again while threads read it.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use userdata::{DomainKey, Hypervisor, Store, Userdata, WritableUserid};

use super::narrator::{Wrong, verify};

/// The size of each value in bytes: many pages, so that a mixture would be seen.
pub(super) const SIZE: usize = 64 << 10;
pub(super) const REPLACEMENTS: u64 = 256;
pub(super) const READERS: usize = 4;

/// What the readers saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How often a value was read, whole.
    pub(super) reads: u64,
    /// How often a read saw another value than the read before it.
    pub(super) changes: u64,
}

/// Replaces a value while threads read it. Every read must be one whole value, no thread may see an
/// older value after a newer one, and the last value must stay.
pub(super) fn run<H: Hypervisor, S: Store>(
    userdata: &Userdata<H, S>,
    domain: DomainKey,
    userid: &WritableUserid,
) -> Result<Seen, Wrong> {
    userdata.store(domain, userid, &value(0))?;
    let (begin, done) = (Barrier::new(READERS + 1), AtomicBool::new(false));
    let mut seen = Seen::default();
    thread::scope(|threads| -> Result<(), Wrong> {
        let read = || read(userdata, domain, userid, &begin, &done);
        let readers: Vec<_> = (0..READERS).map(|_| threads.spawn(read)).collect();
        begin.wait();
        let written = (1..=REPLACEMENTS)
            .try_for_each(|number| userdata.store(domain, userid, &value(number)).map(drop));
        done.store(true, Ordering::Release);
        for reader in readers {
            let one = reader.join().map_err(|_| "a reader panicked")??;
            seen.reads += one.reads;
            seen.changes += one.changes;
        }
        Ok(written?)
    })?;
    let last = userdata.retrieve(domain, userid)?;
    verify(
        last.as_ref().map(AsRef::as_ref) == Some(&value(REPLACEMENTS)[..]),
        "the last value is not there",
    )?;
    Ok(seen)
}

fn read<H: Hypervisor, S: Store>(
    userdata: &Userdata<H, S>,
    domain: DomainKey,
    userid: &WritableUserid,
    begin: &Barrier,
    done: &AtomicBool,
) -> Result<Seen, Wrong> {
    begin.wait();
    let mut seen = Seen::default();
    let mut before = 0;
    loop {
        // Loaded before the read, so that the last round reads the last value.
        let last = done.load(Ordering::Acquire);
        let bytes = userdata.retrieve(domain, userid)?;
        let bytes = bytes.ok_or("a reader found no value")?;
        let number = number(bytes.as_bytes()).ok_or("a reader saw a mixture of two values")?;
        verify(
            number >= before,
            "a reader saw an old value after a new one",
        )?;
        seen.reads += 1;
        seen.changes += u64::from(number > before);
        before = number;
        if last {
            return Ok(seen);
        }
    }
}

/// A value that repeats a number.
pub(super) fn value(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(SIZE / 8)
}

/// The number that a value repeats; `None` if it is not one whole value.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    let (words, rest) = bytes.as_chunks::<8>();
    let first = words.first()?;
    let whole = bytes.len() == SIZE && rest.is_empty() && words.iter().all(|word| word == first);
    whole.then(|| u64::from_le_bytes(*first))
}
