//! Calls of the release's own libxl, through the C programs in the rig's folder.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use userdata_core::DomainKey;

use crate::locks;
use crate::program::{self, Ended, Program};

/// libxl's record of the domids that were in use in the last minute.
pub(crate) const HISTORY: &str = "/run/xen/domid-history";

/// `libxl_userdata_store`; returns its return value.
pub(crate) fn store(domid: u32, userid: &str, data: &[u8]) -> Result<i32> {
    call(domid, userid, "store", data).and_then(|ended| rc(&ended))
}

/// `libxl_userdata_retrieve`; returns the value, or `None` if it gave a null pointer.
pub(crate) fn retrieve(domid: u32, userid: &str) -> Result<Option<Vec<u8>>> {
    let ended = call(domid, userid, "retrieve", b"")?;
    ensure!(
        rc(&ended)? == 0,
        "libxl_userdata_retrieve failed: {}",
        ended.stderr
    );
    let none = ended.stderr.lines().last() == Some("rc=0 none");
    Ok(if none { None } else { Some(ended.stdout) })
}

/// `libxl_userdata_unlink`; returns its return value.
pub(crate) fn unlink(domid: u32, userid: &str) -> Result<i32> {
    call(domid, userid, "unlink", b"").and_then(|ended| rc(&ended))
}

/// Starts a program that stores through libxl again and again until libxl refuses. Returns once it
/// has stored a value.
pub(crate) fn storm(domid: u32, userid: &str) -> Result<Program> {
    storm_with(None, domid, userid)
}

/// As [`storm`], with this library before libxl: `LD_PRELOAD=PATH`.
pub(crate) fn storm_with(preload: Option<&str>, domid: u32, userid: &str) -> Result<Program> {
    let domid_text = domid.to_string();
    let mut words = Vec::from_iter(
        preload
            .map(|preload| ["env", preload])
            .into_iter()
            .flatten(),
    );
    words.extend(["libxl-storm", &domid_text, userid]);
    let mut storm = Program::start(&words, b"")?;
    let start = format!("userdata-d.{domid}.");
    let end = format!(".{userid}");
    program::until("a storm of stores has begun", || {
        ensure!(!storm.ended()?, "the storm ended before it began");
        let files = crate::host::files(Some(domid))?;
        Ok(files
            .iter()
            .any(|name| name.starts_with(&start) && name.ends_with(&end)))
    })?;
    Ok(storm)
}

/// Starts a program that holds libxl's lock for ten minutes and then stores through libxl. Returns
/// once the program has the lock.
pub(crate) fn hold(key: &DomainKey, userid: &str) -> Result<Program> {
    let domid = key.domid.to_string();
    let mut holder = Program::start(&["libxl-userdata", &domid, userid, "hold", "600"], b"held")?;
    program::until("libxl holds its lock", || {
        ensure!(!holder.ended()?, "the holder of libxl's lock ended");
        Ok(locks::of(key)?.holders.contains(&holder.pid()))
    })?;
    Ok(holder)
}

/// Removes libxl's record of the domids that were in use in the last minute. libxl refuses to give
/// one of them to a new domain.
pub(crate) fn forget_recent_domids() -> Result<()> {
    match std::fs::remove_file(HISTORY) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("libxl's domid history stays")
        }
        _ => Ok(()),
    }
}

/// Creates a paused domain with this domid and uuid, like the domain that `json`, its `libxl-json`,
/// describes.
pub(crate) fn create(key: &DomainKey, json: &[u8]) -> Result<()> {
    let (domid, uuid) = (key.domid.to_string(), key.uuid.to_string());
    program::run(&["libxl-create", &domid, &uuid], json)?.expect(0, "libxl-create")
}

/// Starts a program that maps a page of a domain, so that the domain stays as a zombie when it is
/// destroyed. Returns once the page is mapped.
pub(crate) fn map_page(domid: u32) -> Result<Program> {
    let mut mapper = Program::start(&["map-page", &domid.to_string(), "/tmp/mapped"], b"")?;
    program::until("a page is mapped", || {
        ensure!(!mapper.ended()?, "map-page ended");
        Ok(Path::new("/tmp/mapped").exists())
    })?;
    std::fs::remove_file("/tmp/mapped")?;
    Ok(mapper)
}

fn call(domid: u32, userid: &str, call: &str, data: &[u8]) -> Result<Ended> {
    program::run(&["libxl-userdata", &domid.to_string(), userid, call], data)
}

fn rc(ended: &Ended) -> Result<i32> {
    let line = ended.stderr.lines().last().unwrap_or_default();
    let word = line
        .strip_prefix("rc=")
        .and_then(|rest| rest.split(' ').next());
    let rc = word.and_then(|word| word.parse().ok());
    rc.with_context(|| {
        format!(
            "libxl-userdata ended with {}: {}",
            ended.status, ended.stderr
        )
    })
}
