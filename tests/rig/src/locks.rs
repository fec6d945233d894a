//! The processes that hold a domain's lock and wait for it, from the kernel's table.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};
use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, NameFormat};

use crate::host;

/// The processes at one lock.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    pub(crate) holders: Vec<u32>,
    /// The processes that wait in the kernel, of which Linux 5.10 shows one only. Our programs never
    /// wait in the kernel.
    pub(crate) waiters: Vec<u32>,
}

/// The processes at the lock of a domain.
pub(crate) fn of(key: &DomainKey) -> Result<Processes> {
    let name = FileName::lock(NameFormat::default(), key);
    let path = Path::new(host::DIRECTORY).join(OsStr::from_bytes(name.as_bytes()));
    let inode = match fs::metadata(&path) {
        Ok(file) => file.ino().to_string(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Processes::default()),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let table = fs::read_to_string("/proc/locks").context("no /proc/locks")?;
    let mut processes = Processes::default();
    for line in table.lines() {
        // "1: FLOCK ADVISORY WRITE 123 00:02:456 0 EOF"; a waiter has "->" before FLOCK.
        let mut words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let waits = words.first() == Some(&"->");
        if waits {
            words.remove(0);
        }
        let ["FLOCK", _, _, pid, file, ..] = words.as_slice() else {
            continue;
        };
        if file.rsplit(':').next() == Some(&inode) {
            let pid = pid
                .parse()
                .with_context(|| format!("/proc/locks: {line}"))?;
            if waits {
                processes.waiters.push(pid);
            } else {
                processes.holders.push(pid);
            }
        }
    }
    Ok(processes)
}
