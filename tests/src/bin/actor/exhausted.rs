//! A process without descriptors, space, inodes, or permission to write.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;

use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::store::{Done, Durability, Expect, Keep, Op, StoreError, StoreErrorKind};
use userdata_core::{Store as _, WritableUserid};

use crate::breaking::leave_files;
use crate::{Actor, say, say_result, userid_of};

/// A value larger than the disks that tests make.
const LARGE: usize = 512 << 10;

impl Actor {
    /// Makes every call with `left` descriptors, and prints the result of the store.
    pub(crate) fn few_files(&self, left: u32) {
        let xl = userid_of("xl");
        leave_files(left);
        say_result(
            "stored",
            self.put_durably(&xl, b"new", Expect::Any, Durability::Full),
        );
        let get = self.store.get(&self.domain, xl.as_userid()).map(|value| {
            assert!(value.is_some(), "a failure reads as no data");
        });
        say_result("read", get);
        say_result("listed", self.store.list(&self.domain));
        let close = self.store.close(
            &self.domain,
            std::time::Duration::from_secs(10),
            &mut |_| Ok(()),
        );
        say_result("closed", close.map(drop));
        let clear = Op::Clear {
            keep: Keep::Essential,
            durability: Durability::Full,
        };
        say_result("cleared", self.change(&[clear]));
    }

    /// The names in the directory that are not values.
    fn left_behind(&self) -> Vec<String> {
        let names = fs::read_dir(&self.directory).expect("a directory is read");
        let names = names.map(|entry| entry.expect("a directory is read").file_name());
        let ours = names.filter_map(|name| FileName::parse(NameFormat::Libxl, name.as_bytes()));
        ours.filter(|name| name.kind() != Kind::Data)
            .map(|name| name.to_string())
            .collect()
    }

    fn assert_out_of_space(&self, stored: Result<(), StoreError>) {
        match stored {
            Ok(()) => panic!("a value is stored although there is no space"),
            Err(error) => match error.kind() {
                StoreErrorKind::NoSpace(_) => assert_eq!(error.left_behind(), None),
                other => panic!("storing without space failed as {other:?}"),
            },
        }
        assert_eq!(self.left_behind(), [""; 0]);
    }

    /// On a small disk: a store of a value that does not fit leaves the old value and no other
    /// file. So does any store once the disk is full to the last byte. Reading and removing still
    /// work.
    pub(crate) fn full_disk(&self) {
        let (xl, other) = (userid_of("xl"), userid_of("other"));
        self.put(&xl, b"old", Expect::Any)
            .expect("a small value is stored");
        self.put(&other, b"other", Expect::Any)
            .expect("a small value is stored");
        for durability in [Durability::Process, Durability::Full] {
            let large = self.put_durably(&xl, &[b'x'; LARGE], Expect::Any, durability);
            self.assert_out_of_space(large);
        }
        let ballast = self.directory.join(OsStr::from_bytes(b"ballast"));
        let mut file = File::create_new(&ballast).expect("a file is made");
        while file.write_all(&[0; 512]).is_ok() {}
        self.assert_out_of_space(self.put(&xl, b"new", Expect::Any));
        assert_eq!(self.get(xl.as_userid()).as_deref(), Some(&b"old"[..]));
        assert_eq!(
            self.store.list(&self.domain).expect("a list is had").len(),
            2
        );
        let delete = self.remove(other.as_userid());
        delete.expect("a value is removed although there is no space");
        fs::remove_file(&ballast).expect("a file is removed");
        self.put(&xl, b"new", Expect::Any)
            .expect("there is space again");
        assert_eq!(self.get(xl.as_userid()).as_deref(), Some(&b"new"[..]));
        say("done");
    }

    /// On a disk without free inodes: every store fails, and every value is read.
    pub(crate) fn no_inodes(&self) {
        let xl = userid_of("xl");
        self.put(&xl, b"old", Expect::Any)
            .expect("a first value is stored");
        let ballast = |number: u32| self.directory.join(format!("ballast {number}"));
        let made = (0..1000)
            .take_while(|number| File::create_new(ballast(*number)).is_ok())
            .count();
        // The lock file alone needs an inode.
        self.assert_out_of_space(self.put(&xl, b"new", Expect::Any));
        assert_eq!(self.get(xl.as_userid()).as_deref(), Some(&b"old"[..]));
        // One free inode is enough for the lock, but not for the temporary file.
        let last = u32::try_from(made).expect("not that many") - 1;
        fs::remove_file(ballast(last)).expect("a file is removed");
        self.assert_out_of_space(self.put(&xl, b"new", Expect::Any));
        assert_eq!(self.get(xl.as_userid()).as_deref(), Some(&b"old"[..]));
        fs::remove_file(ballast(last - 1)).expect("a file is removed");
        self.put(&xl, b"new", Expect::Any)
            .expect("there is room for two again");
        assert_eq!(self.left_behind(), [""; 0]);
        say("done");
    }

    /// On a disk without room for another file, values are removed, one or all of a domain.
    pub(crate) fn free_without_inodes(&self) {
        let ballast = |number: u32| self.directory.join(format!("ballast {number}"));
        let mut numbers = 0..;
        let mut fill = || {
            numbers
                .by_ref()
                .take_while(|number| File::create_new(ballast(*number)).is_ok())
                .count()
        };
        for text in ["a", "b", "c"] {
            self.put(&userid_of(text), b"value", Expect::Any)
                .expect("a value is stored");
        }
        assert!(fill() > 0);
        let timeout = std::time::Duration::from_secs(10);
        let close = || self.store.close(&self.domain, timeout, &mut |_| Ok(()));
        let mark = close().expect("the closing marker is a link");
        let mut closing = false;
        let mut admit = |state: &userdata_core::store::State| {
            closing = state.closing;
            Ok(())
        };
        let probe = self.store.change(&self.domain, timeout, &mut admit, &[]);
        probe.expect("the lock is a link of another file");
        assert!(closing, "a marker that is held is seen");
        mark.reopen(timeout).expect("the marker is removed");
        assert_eq!(self.left_behind(), [""; 0]);
        for text in ["a", "b"] {
            let userid = userid_of(text);
            self.remove(userid.as_userid()).expect("a value is removed");
            assert_eq!(self.get(userid.as_userid()), None);
            fill();
        }
        match close()
            .expect_err("one file is not both lock and marker")
            .kind()
        {
            StoreErrorKind::NoSpace(_) => {}
            other => panic!("{other:?}"),
        }
        let keep = Keep::Nothing;
        let durability = Durability::Full;
        let clear = [Op::Clear { keep, durability }];
        self.change(&clear).expect("all values are removed");
        fill();
        self.change(&clear).expect("there is nothing to remove");
        assert_eq!(self.left_behind(), [""; 0]);
        assert_eq!(self.get(userid_of("c").as_userid()), None);
        say("done");
    }

    /// On a tmpfs without room for another file, which counts a link as one, values are removed,
    /// one or all of a domain, and one that is refused at last is there again.
    pub(crate) fn free_on_a_tmpfs(&self) {
        let mut numbers = 0..;
        let mut fill = || {
            let ballast = |number: u32| self.directory.join(format!("ballast {number}"));
            numbers
                .by_ref()
                .take_while(|number| File::create_new(ballast(*number)).is_ok())
                .count()
        };
        let timeout = std::time::Duration::from_secs(10);
        for text in ["a", "b", "c", "d"] {
            self.put(&userid_of(text), b"value", Expect::Any)
                .expect("a value is stored");
        }
        let mark = self.store.close(&self.domain, timeout, &mut |_| Ok(()));
        let mark = mark.expect("there is room for a marker");
        assert!(fill() > 0);
        mark.reopen(timeout).expect("the marker is its own lock");
        assert_eq!(self.left_behind(), [""; 0]);
        fill();
        self.assert_out_of_space(self.put(&userid_of("a"), b"new", Expect::Any));
        let mut asked = 0;
        let mut admit = |_: &userdata_core::store::State| {
            asked += 1;
            match asked {
                1 => Ok(()),
                _ => Err(userdata_core::store::Refused::NoSuchDomain),
            }
        };
        let (keep, durability) = (Keep::Nothing, Durability::Full);
        let clear = [Op::Clear { keep, durability }];
        let refused = self
            .store
            .change(&self.domain, timeout, &mut admit, &clear)
            .expect_err("the second answer counts");
        assert!(matches!(refused.kind(), StoreErrorKind::Refused(_)));
        for text in ["a", "b", "c", "d"] {
            let userid = userid_of(text);
            assert_eq!(self.get(userid.as_userid()).as_deref(), Some(&b"value"[..]));
        }
        for text in ["a", "b"] {
            let userid = userid_of(text);
            self.remove(userid.as_userid()).expect("a value is removed");
            assert_eq!(self.get(userid.as_userid()), None);
            fill();
        }
        self.change(&clear).expect("all values are removed");
        fill();
        self.change(&clear).expect("nothing is removed");
        assert_eq!(self.left_behind(), [""; 0]);
        for text in ["c", "d"] {
            assert_eq!(self.get(userid_of(text).as_userid()), None);
        }
        say("done");
    }

    /// On a disk without room for another file, several threads remove the same values: each value
    /// is removed by one of them, and none fails.
    pub(crate) fn free_at_once(&self) {
        let (keep, durability) = (Keep::Nothing, Durability::Process);
        let texts = ["a", "b", "c"];
        let userids = texts.map(userid_of);
        let removals = userids.each_ref().map(|userid| Op::Delete {
            userid: userid.as_userid(),
            expect: Expect::Any,
            durability,
        });
        let clear = Op::Clear { keep, durability };
        let [a, b, _] = removals;
        for _ in 0..200 {
            for userid in &userids {
                self.put(userid, b"value", Expect::Any)
                    .expect("there is room again");
            }
            let ballast = |number: u32| self.directory.join(format!("ballast {number}"));
            let made = (0..1000)
                .take_while(|number| File::create_new(ballast(*number)).is_ok())
                .count();
            let mut removed: Vec<String> = std::thread::scope(|threads| {
                let running = [a, a, b, clear, clear].map(|op| {
                    threads.spawn(move || self.removed_by(op).expect("freeing needs no space"))
                });
                running
                    .into_iter()
                    .flat_map(|thread| thread.join().expect("a thread ends"))
                    .collect()
            });
            removed.sort();
            assert_eq!(removed, texts);
            assert_eq!(self.left_behind(), [""; 0]);
            for number in 0..made {
                let number = u32::try_from(number).expect("not that many");
                fs::remove_file(ballast(number)).expect("a file is removed");
            }
        }
        say("done");
    }

    /// The values that this removed.
    fn removed_by(&self, op: Op<'_>) -> Result<Vec<String>, StoreError> {
        let done = self.change(&[op])?;
        Ok(match (op, done.into_iter().next()) {
            (Op::Delete { userid, .. }, Some(Done::Removed { .. })) => vec![userid.to_string()],
            (_, Some(Done::Cleared(cleared))) => {
                assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
                cleared.removed.iter().map(ToString::to_string).collect()
            }
            _ => Vec::new(),
        })
    }

    /// While another file system is mounted over the directory, nothing is changed in the one that
    /// is open.
    pub(crate) fn mounted_over(&self) {
        let xl = userid_of("xl");
        self.put(&xl, b"old", Expect::Any)
            .expect("a value is stored");
        let run = |program: &str, arguments: &[&str]| {
            let mut command = std::process::Command::new(program);
            let status = command.args(arguments).arg(&self.directory).status();
            assert!(status.expect("a program is run").success(), "{program}");
        };
        run("mount", &["-t", "tmpfs", "none"]);
        let absent = self
            .store
            .get(&self.domain, userid_of("absent").as_userid());
        for error in [
            absent.map(drop).expect_err("nothing is known of it"),
            self.put(&xl, b"new", Expect::Any).expect_err("not here"),
        ] {
            match error.kind() {
                StoreErrorKind::DirectoryReplaced => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(self.left_behind(), [""; 0]);
        run("umount", &[]);
        assert_eq!(self.get(xl.as_userid()).as_deref(), Some(&b"old"[..]));
        self.put(&xl, b"new", Expect::Any)
            .expect("a value is stored");
        say("done");
    }

    /// On a read-only file system: every value is read, and every change fails with the right
    /// error.
    pub(crate) fn read_only(&self) {
        self.assert_only_readable(|kind| matches!(kind, StoreErrorKind::ReadOnly(_)));
        say("done");
    }

    /// In a directory that this user may read but not write to.
    pub(crate) fn not_permitted(&self) {
        self.assert_only_readable(|kind| matches!(kind, StoreErrorKind::NotPermitted(_)));
        say("done");
    }

    fn assert_only_readable(&self, as_expected: fn(&StoreErrorKind) -> bool) {
        let xl = userid_of("xl");
        assert_eq!(self.get(xl.as_userid()).as_deref(), Some(&b"old"[..]));
        assert_eq!(self.get(userid_of("absent").as_userid()), None);
        let stat = self
            .store
            .stat(&self.domain, xl.as_userid())
            .expect("an entry is had");
        assert_eq!(stat.map(|entry| entry.size), Some(3));
        assert_eq!(
            self.store.list(&self.domain).expect("a list is had").len(),
            1
        );
        let durability = Durability::Full;
        let keep = Keep::Nothing;
        let clear = self.change(&[Op::Clear { keep, durability }]);
        let closed = self.store.close(
            &self.domain,
            std::time::Duration::from_secs(10),
            &mut |_| Ok(()),
        );
        for failed in [
            self.put(&xl, b"new", Expect::Any),
            self.remove(xl.as_userid()),
            self.put(&WritableUserid::libxl_json(), b"{}", Expect::Any),
            clear.map(drop),
            closed.map(drop),
        ] {
            match failed {
                Ok(()) => panic!("a change succeeds that must fail"),
                Err(error) => assert!(as_expected(error.kind()), "{:?}", error.kind()),
            }
        }
        assert_eq!(self.get(xl.as_userid()).as_deref(), Some(&b"old"[..]));
    }
}
