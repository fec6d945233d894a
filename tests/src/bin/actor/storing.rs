//! Processes that store, read, hold the lock, and close the domain.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use userdata_core::value::NonEmpty;

use userdata_core::store::{Durability, Expect, StoreErrorKind};
use userdata_core::{Store as _, Version, WritableUserid};
use userdata_tests::{is_whole, sealed};

use crate::{Actor, PATIENT, listen, say, say_result};

impl Actor {
    /// Replaces a value again and again.
    pub(crate) fn write(&self, userid: &WritableUserid, writer: u32, rounds: u32) {
        say("ready");
        for round in 0..rounds {
            let data = sealed(writer, round);
            self.put(userid, &data, Expect::Any)
                .expect("a value is stored");
        }
        say("done");
    }

    /// Replaces a value of this size again and again, until it is killed.
    pub(crate) fn write_large(&self, userid: &WritableUserid, size: u32) {
        let data = vec![b'x'; usize::try_from(size).expect("a size")];
        say("ready");
        loop {
            self.put(userid, &data, Expect::Any)
                .expect("a value is stored");
        }
    }

    /// Reads a value, which must always be there and whole, until stdin ends.
    pub(crate) fn read(&self, userid: &WritableUserid) {
        static OVER: AtomicBool = AtomicBool::new(false);
        thread::spawn(|| {
            listen();
            OVER.store(true, Ordering::Release);
        });
        say("ready");
        let mut reads = 0;
        while !OVER.load(Ordering::Acquire) || reads == 0 {
            let value = self
                .get(userid.as_userid())
                .expect("a value is always there");
            assert!(is_whole(&value), "a mixture of {} bytes", value.len());
            reads += 1;
        }
        say(&reads.to_string());
    }

    /// Increments a counter by compare-and-swap.
    pub(crate) fn count(&self, userid: &WritableUserid, times: u32) {
        say("ready");
        for _ in 0..times {
            while !self.count_up(userid) {}
        }
        say("done");
    }

    fn count_up(&self, userid: &WritableUserid) -> bool {
        let old = self.get(userid.as_userid());
        let expect = old
            .as_deref()
            .map_or(Expect::Absent, |old| Expect::Version(Version::of(old)));
        let old = old.map_or(0, |old| {
            let text = String::from_utf8(old).expect("the text of a number");
            text.parse::<u32>().expect("a number")
        });
        match self.put(userid, (old + 1).to_string().as_bytes(), expect) {
            Ok(()) => true,
            Err(error) => match error.kind() {
                StoreErrorKind::PreconditionFailed { .. } => false,
                other => panic!("an update failed as {other:?}"),
            },
        }
    }

    /// Holds the domain's lock until the test tells it to continue, then stores.
    pub(crate) fn hold(&self, userid: &WritableUserid, data: &[u8]) {
        let mut admit = |_: &userdata_core::store::State| {
            say("held");
            listen();
            Ok(())
        };
        let op = userdata_core::store::Op::Put {
            userid,
            data: NonEmpty::new(data).expect("a value has bytes"),
            expect: Expect::Any,
            durability: Durability::Process,
        };
        say_result(
            "stored",
            self.store.change(&self.domain, PATIENT, &mut admit, &[op]),
        );
        // The test looks at the directory before the process ends.
        listen();
    }

    /// Takes the lock again and again. Each time it writes to a file that no other process may
    /// write to meanwhile.
    pub(crate) fn exclude(&self, witness: &Path, times: u32) {
        let witness = File::options().read(true).write(true).open(witness);
        let witness = witness.expect("a witness is opened");
        let mine = std::process::id().to_ne_bytes();
        say("ready");
        for _ in 0..times {
            let mut admit = |_: &userdata_core::store::State| {
                witness
                    .write_all_at(&mine, 0)
                    .expect("a witness is written");
                thread::sleep(Duration::from_micros(100));
                let mut found = [0; 4];
                witness
                    .read_exact_at(&mut found, 0)
                    .expect("a witness is read");
                assert_eq!(found, mine, "two hold one lock");
                Ok(())
            };
            let changed = self.store.change(&self.domain, PATIENT, &mut admit, &[]);
            changed.expect("a lock is taken and released");
        }
        say("done");
    }

    /// Makes a closing mark, and ends it as the test says.
    pub(crate) fn close(&self) {
        let mark = self.store.close(&self.domain, PATIENT, &mut |_| Ok(()));
        let mark = match mark {
            Ok(mark) => mark,
            Err(error) => return say(&format!("{:?}", error.kind())),
        };
        say("closing");
        match &*listen() {
            "clear" => say_result(
                "cleared",
                mark.clear(PATIENT, Durability::Process, &mut |_| Ok(())),
            ),
            "reopen" => say_result("reopened", mark.reopen(PATIENT)),
            other => panic!("no such end: {other:?}"),
        }
    }
}
