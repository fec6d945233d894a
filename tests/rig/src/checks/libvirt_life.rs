//! The life of a domain under libvirt, with the drop-in and without it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};

use crate::guest::Guest;
use crate::libvirt::{self, Daemon, Functions, call};
use crate::program;

pub(super) fn without_the_drop_in_libvirt_starts_and_destroys() -> Result<()> {
    starts_and_destroys(Functions::Libxl)
}

pub(super) fn with_the_drop_in_libvirt_starts_and_destroys() -> Result<()> {
    starts_and_destroys(Functions::DropIn)
}

pub(super) fn without_the_drop_in_a_restarted_libvirtd_knows_domains() -> Result<()> {
    knows_domains_again(Functions::Libxl, Daemon::stop)
}

pub(super) fn with_the_drop_in_a_restarted_libvirtd_knows_domains() -> Result<()> {
    knows_domains_again(Functions::DropIn, Daemon::stop)
}

pub(super) fn without_the_drop_in_a_killed_libvirtd_knows_domains() -> Result<()> {
    knows_domains_again(Functions::Libxl, Daemon::kill)
}

pub(super) fn with_the_drop_in_a_killed_libvirtd_knows_domains() -> Result<()> {
    knows_domains_again(Functions::DropIn, Daemon::kill)
}

pub(super) fn without_the_drop_in_a_guest_reboots() -> Result<()> {
    reboots(Functions::Libxl)
}

pub(super) fn with_the_drop_in_a_guest_reboots() -> Result<()> {
    reboots(Functions::DropIn)
}

fn starts_and_destroys(functions: Functions) -> Result<()> {
    let daemon = Daemon::first(functions)?;
    functions.ensure_calls(&[call("retrieve", 0, 0)])?;
    libvirt::define()?;
    let guest = libvirt::start()?;
    functions.ensure_calls(&[call("store", guest.domid, 0)])?;
    libvirt::ensure_state("running")?;
    ensure_xml(&guest)?;
    libvirt::destroy(guest)?;
    libvirt::ensure_state("shut off")?;
    libvirt::undefine()?;
    functions.ensure_calls(&[])?;
    daemon.stop()
}

/// libvirt stores the XML with its NUL, and retrieves it as a string of C.
fn ensure_xml(guest: &Guest) -> Result<()> {
    let path = libvirt::file(guest.domid);
    let value = fs::read(&path).with_context(|| format!("no {}", path.display()))?;
    let (end, xml) = value.split_last().context("the value is empty")?;
    ensure!(*end == 0, "the value ends with {end:#x}");
    let xml = str::from_utf8(xml).context("the value is not UTF-8")?;
    let whole = xml.starts_with("<domain type='xen'") && xml.ends_with("</domain>\n");
    ensure!(whole && !xml.contains('\0'), "the value is {xml:?}");
    let mode = fs::metadata(&path)?.permissions().mode() & 0o7777;
    ensure!(mode == 0o600, "the file's mode is {mode:#o}");
    program::say(&format!("libvirt stored {} bytes", value.len()))
}

/// The daemon ends while a domain runs, and another one is started.
fn knows_domains_again(functions: Functions, end: fn(Daemon) -> Result<()>) -> Result<()> {
    let daemon = Daemon::first(functions)?;
    libvirt::define()?;
    let guest = libvirt::start()?;
    end(daemon)?;
    ensure!(guest.lives()?, "the domain ended with the daemon");
    libvirt::calls()?;
    let daemon = Daemon::again(functions)?;
    functions.ensure_calls(&[call("retrieve", 0, 0), call("retrieve", guest.domid, 0)])?;
    libvirt::ensure_state("running")?;
    let domid = libvirt::domid()?;
    ensure!(
        domid == Some(guest.domid),
        "domain {} became {domid:?}",
        guest.domid
    );
    libvirt::destroy(guest)?;
    libvirt::undefine()?;
    daemon.stop()
}

/// The guest ends with a request for a reboot, and libvirt starts it again.
fn reboots(functions: Functions) -> Result<()> {
    let daemon = Daemon::first(functions)?;
    libvirt::define()?;
    let guest = libvirt::start()?;
    let old = guest.domid;
    libvirt::calls()?;
    libvirt::reboot()?;
    guest.wait_until_gone()?;
    let mut new = None;
    program::until("the domain is back", || {
        new = libvirt::domid()?.filter(|&domid| domid != old && libvirt::file(domid).exists());
        Ok(new.is_some())
    })?;
    let back = Guest::of_name("web")?;
    ensure!(new == Some(back.domid), "libvirt and xl differ: {new:?}");
    functions.ensure_calls(&[call("store", back.domid, 0)])?;
    let left = crate::host::files(Some(old))?;
    ensure!(left.is_empty(), "left of the domain before: {left:?}");
    ensure_xml(&back)?;
    libvirt::destroy(back)?;
    libvirt::undefine()?;
    daemon.stop()
}
