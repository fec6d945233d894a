//! Real libxl's userdata calls, on a real domain.

use anyhow::{Context, Result, ensure};

use crate::guest::{Does, Guest};
use crate::{host, libxl};

const USERID: &str = "rig";

pub(super) fn every_byte_comes_back() -> Result<()> {
    let guest = Guest::create("bytes", Does::Paused)?;
    for length in [1, 256, 4095, 4096, 65537] {
        let data: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
        let rc = libxl::store(guest.domid, USERID, &data)?;
        ensure!(
            rc == 0,
            "libxl_userdata_store of {length} bytes returned {rc}"
        );
        let back = libxl::retrieve(guest.domid, USERID)?.context("stored, but none comes back")?;
        ensure!(
            back == data,
            "{length} bytes stored, others ({}) came back",
            back.len()
        );
    }
    guest.destroy()
}

pub(super) fn absent_is_none() -> Result<()> {
    let guest = Guest::create("absent", Does::Paused)?;
    ensure!(
        libxl::retrieve(guest.domid, USERID)?.is_none(),
        "a value that nobody stored"
    );
    let rc = libxl::unlink(guest.domid, USERID)?;
    ensure!(rc == -3, "unlink of what is not there returned {rc}");
    let domid = guest.domid;
    guest.destroy()?;
    let rc = libxl::store(domid, USERID, b"too late")?;
    ensure!(rc == -15, "a store for a domain that is gone returned {rc}");
    Ok(())
}

pub(super) fn destroy_removes_userdata() -> Result<()> {
    let guest = Guest::create("data", Does::Paused)?;
    let domid = guest.domid;
    libxl::store(domid, USERID, b"value")?;
    let files = host::files(Some(domid))?;
    let userids: Vec<&str> = files
        .iter()
        .filter_map(|name| name.split('.').nth(3))
        .collect();
    ensure!(
        userids == ["libxl-json", USERID],
        "before xl destroy: {files:?}"
    );
    guest.destroy()?;
    let files = host::files(Some(domid))?;
    ensure!(files.is_empty(), "after xl destroy: {files:?}");
    Ok(())
}
