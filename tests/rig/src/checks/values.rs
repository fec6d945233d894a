//! Our command and real `libxl_userdata_store` and `_retrieve` exchange values.

use anyhow::{Context, Result, ensure};

use crate::guest::Guest;
use crate::ours::USERID;
use crate::{host, libxl, ours};

/// One byte, every byte value, about a page, and more than 64 KiB.
const LENGTHS: [usize; 5] = [1, 256, 4095, 4096, 65537];

/// Every byte value in turn, beginning with one that depends on the length.
fn bytes(length: usize) -> Vec<u8> {
    let all = (0..=u8::MAX).cycle();
    all.skip(length % 251).take(length).collect()
}

pub(super) fn libxl_reads_what_our_command_stores() -> Result<()> {
    let guest = Guest::create("ours")?;
    for length in LENGTHS {
        let data = bytes(length);
        ours::store(&guest.domid.to_string(), USERID, &data)?;
        let read = libxl::retrieve(guest.domid, USERID)?;
        let read = read.with_context(|| format!("libxl sees none of {length} bytes"))?;
        ensure!(
            read == data,
            "libxl reads {length} bytes as {}",
            differ(&data, &read)
        );
    }
    // For both, storing no bytes removes the value.
    ours::store_no_bytes(&guest.domid.to_string(), USERID)?;
    ensure!(
        libxl::retrieve(guest.domid, USERID)?.is_none(),
        "libxl sees a value that we removed"
    );
    guest.destroy()
}

pub(super) fn our_command_reads_what_libxl_stores() -> Result<()> {
    let guest = Guest::create("theirs")?;
    let domain = guest.domid.to_string();
    for length in LENGTHS {
        let data = bytes(length);
        let rc = libxl::store(guest.domid, USERID, &data)?;
        ensure!(
            rc == 0,
            "libxl_userdata_store of {length} bytes returned {rc}"
        );
        let read = ours::retrieve(&domain, USERID)?;
        ensure!(
            read == data,
            "{length} bytes of libxl's read as {}",
            differ(&data, &read)
        );
    }
    let rc = libxl::unlink(guest.domid, USERID)?;
    ensure!(rc == 0, "libxl_userdata_unlink returned {rc}");
    let ended = ours::command(&["retrieve", &domain, USERID], b"")?;
    ended.expect(4, "userdata retrieve of a value that libxl removed")?;
    let files = host::files(Some(guest.domid))?;
    ensure!(files.len() == 1, "more is left than libxl-json: {files:?}");
    guest.destroy()
}

fn differ(stored: &[u8], read: &[u8]) -> String {
    let same = stored.iter().zip(read).take_while(|(a, b)| a == b).count();
    format!("{} bytes that differ from byte {same} on", read.len())
}
