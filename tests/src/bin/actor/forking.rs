//! A process that forks while it holds the domain's lock.
//!
//! Rust has no safe `fork`. The test preloads a library in which `getppid` forks, and answers as
//! `fork` does.

use std::os::unix::process::parent_id;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;
use userdata_core::value::NonEmpty;

use userdata_core::Store as _;
use userdata_core::store::{Durability, Expect, Op};

use crate::{Actor, PATIENT, listen, say, say_result, userid_of};

/// How often the child looks for the signal, and how often at most.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 60_000;

fn wait_for(signal: &Path) {
    let seen = (0..LOOKS_MAX).any(|_| {
        let seen = signal.exists();
        if !seen {
            thread::sleep(LOOK);
        }
        seen
    });
    assert!(seen, "a child was forgotten");
}

impl Actor {
    /// Forks under the lock. The parent continues when the test tells it to. The child keeps the
    /// descriptor of the lock (`keeps`), or unwinds out of the change, so that destructors run
    /// (`unwinds`). Then it waits for the file `signal`.
    pub(crate) fn fork(&self, fate: &str, signal: &Path) {
        let mut in_child = false;
        let mut admit = |_: &userdata_core::store::State| {
            in_child = parent_id() == 0;
            if !in_child {
                say("forked");
                listen();
            } else if fate == "keeps" {
                wait_for(signal);
                std::process::exit(0);
            } else {
                resume_unwind(Box::new("the child leaves the change"));
            }
            Ok(())
        };
        let xl = userid_of("xl");
        let op = Op::Put {
            userid: &xl,
            data: NonEmpty::new(b"by the parent").expect("bytes"),
            expect: Expect::Any,
            durability: Durability::Process,
        };
        let changing = AssertUnwindSafe(|| {
            let changed = self.store.change(&self.domain, PATIENT, &mut admit, &[op]);
            say_result("stored", changed);
        });
        let unwound = catch_unwind(changing).is_err();
        assert_eq!(unwound, in_child);
        if in_child {
            say("unwound");
            wait_for(signal);
        } else {
            listen();
        }
    }
}
