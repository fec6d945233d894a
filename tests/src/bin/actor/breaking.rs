//! What real libxl does to the lock of another process: it unlinks the lock file.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use userdata_core::file_name::{FileName, NameFormat};

use crate::{Actor, say};

/// Lets this process open `left` more files and no further ones.
pub(crate) fn leave_files(left: u32) {
    let next = File::open("/dev/null")
        .expect("the null device is opened")
        .as_raw_fd();
    let current = u64::from(next.unsigned_abs() + left);
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: Some(current),
        maximum,
    };
    setrlimit(Resource::Nofile, limit).expect("a limit can be lowered");
}

impl Actor {
    /// `libxl__lock_file` in a process without descriptors: the open fails, and the clean-up
    /// unlinks the lock file, even if another process holds the lock.
    pub(crate) fn break_lock(&self) {
        let name = FileName::lock(NameFormat::Libxl, &self.domain);
        let path = self.directory.join(name.to_string());
        leave_files(0);
        let mut options = File::options();
        let opened = options
            .read(true)
            .write(true)
            .create(true)
            .mode(0o666)
            .open(&path);
        let error = opened.expect_err("a file is opened without a descriptor");
        let emfile = rustix::io::Errno::MFILE.raw_os_error();
        assert_eq!(error.raw_os_error(), Some(emfile));
        std::fs::remove_file(&path).expect("the lock file of another process is unlinked");
        say("broken");
    }
}
