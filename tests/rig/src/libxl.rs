//! The calls of the release's own libxl, through the C programs beside us.

use anyhow::{Context, Result, ensure};

use crate::program::{self, Ended, Program};

/// `libxl_userdata_store`: what it returned.
pub(crate) fn store(domid: u32, userid: &str, data: &[u8]) -> Result<i32> {
    call(domid, userid, "store", data).and_then(|ended| rc(&ended))
}

/// `libxl_userdata_retrieve`: the value, or `None` where it returned no pointer.
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

/// `libxl_userdata_unlink`: what it returned.
pub(crate) fn unlink(domid: u32, userid: &str) -> Result<i32> {
    call(domid, userid, "unlink", b"").and_then(|ended| rc(&ended))
}

/// Stores through libxl again and again, until libxl refuses. Returns when it has begun to.
pub(crate) fn storm(domid: u32, userid: &str) -> Result<Program> {
    let mut storm = Program::start(&["libxl-storm", &domid.to_string(), userid], b"")?;
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
