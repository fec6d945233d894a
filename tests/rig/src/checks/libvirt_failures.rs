//! Stores of libvirt's that fail: the start fails, and leaves the host as it was.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::libvirt::{self, Daemon, Functions};
use crate::{host, program};

/// How many domids a check gives an obstacle, of which the next domain gets one.
const NEXT: u32 = 16;

pub(super) fn without_the_drop_in_a_failed_store_fails_the_start() -> Result<()> {
    a_failed_store_fails_the_start(Functions::Libxl)
}

pub(super) fn with_the_drop_in_a_failed_store_fails_the_start() -> Result<()> {
    a_failed_store_fails_the_start(Functions::DropIn)
}

fn a_failed_store_fails_the_start(functions: Functions) -> Result<()> {
    let mut daemon = Daemon::first(functions)?;
    libvirt::define()?;
    let guest = libvirt::start()?;
    let next = guest.domid + 1;
    libvirt::destroy(guest)?;
    libvirt::calls()?;

    let obstacles = Obstacles::put(next)?;
    ensure_start_fails()?;
    obstacles.remove()?;
    if functions == Functions::DropIn {
        ensure_store_returned(-3)?;
        libvirt::ensure_logged("libxl_userdata_store: cannot store 'libvirt-xml' of domain ")?;
    }
    ensure_next_start_succeeds(&mut daemon)?;
    daemon.stop()
}

pub(super) fn a_panic_in_the_drop_in_fails_the_start() -> Result<()> {
    let panics = ["USERDATA_LIBXL_PANIC=libxl_userdata_store"];
    let mut daemon = Daemon::first_with(Functions::DropIn, &panics)?;
    libvirt::define()?;
    libvirt::calls()?;
    for _ in 0..2 {
        ensure_start_fails()?;
        ensure_store_returned(-3)?;
        daemon.ensure_lives()?;
    }
    libvirt::ensure_logged("libxl_userdata_store was told to panic")?;
    libvirt::undefine()?;
    daemon.stop()
}

/// Fails unless virsh says that userdata could not be stored, and nothing is left.
fn ensure_start_fails() -> Result<()> {
    let ended = libvirt::try_start()?;
    ended.expect(1, "virsh start")?;
    ensure!(
        ended.stderr.contains("userdata"),
        "virsh start failed for another reason: {}",
        ended.stderr
    );
    program::say(ended.stderr.trim_end().lines().last().unwrap_or_default())?;
    libvirt::ensure_state("shut off")?;
    let domids = host::domids()?;
    ensure!(domids.is_empty(), "the failed start left {domids:?}");
    let files = host::files(None)?;
    let files: Vec<_> = files
        .iter()
        .filter(|name| !PathBuf::from(host::DIRECTORY).join(name).is_dir())
        .collect();
    ensure!(files.is_empty(), "the failed start left {files:?}");
    Ok(())
}

fn ensure_store_returned(code: i32) -> Result<()> {
    let calls = libvirt::calls()?;
    let [call] = calls.as_slice() else {
        anyhow::bail!("instead of one store the calls were {calls:?}");
    };
    let store = call.starts_with("libxl_userdata_store ");
    ensure!(
        store && call.ends_with(&format!(" libvirt-xml: {code}")),
        "the call was {call}"
    );
    Ok(())
}

/// The failure of one start is not remembered.
fn ensure_next_start_succeeds(daemon: &mut Daemon) -> Result<()> {
    daemon.ensure_lives()?;
    libvirt::destroy(libvirt::start()?)?;
    libvirt::undefine()
}

/// Folders under the names of the next domains' values, which no file can replace.
#[derive(Debug)]
struct Obstacles(Vec<PathBuf>);

impl Obstacles {
    /// Puts them where the domains of these domids have their XML.
    fn put(first: u32) -> Result<Self> {
        let mut obstacles = Self(Vec::new());
        for domid in first..first + NEXT {
            let path = libvirt::file(domid);
            fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
            obstacles.0.push(path);
        }
        Ok(obstacles)
    }

    /// Removes them. All of them are still there.
    fn remove(mut self) -> Result<()> {
        for path in self.0.drain(..) {
            fs::remove_dir(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Obstacles {
    fn drop(&mut self) {
        for path in &self.0 {
            // This happens after a failure only, which is already reported.
            let _ = fs::remove_dir(path);
        }
    }
}
