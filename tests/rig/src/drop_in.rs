//! Programs that are run with the drop-in, so that their calls for userdata are this library's.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result};

use crate::program;

/// The drop-in as it is shipped.
pub(crate) const SHIPPED: &str = "LD_PRELOAD=/payload/drop-in-shipped.so";

/// The drop-in that writes each call to [`CALLS`].
const PROBE: &str = "LD_PRELOAD=/payload/drop-in-probe.so";
const CALLS: &str = "/tmp/drop-in-calls";

/// Forgets the calls that were written.
pub(crate) fn forget_calls() -> Result<()> {
    match fs::remove_file(CALLS) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context(CALLS),
        _ => Ok(()),
    }
}

/// The calls since [`forget_calls`], each as `FUNCTION DOMID USERID: CODE`.
pub(crate) fn calls() -> Result<Vec<String>> {
    match fs::read_to_string(CALLS) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        text => Ok(text.context(CALLS)?.lines().map(str::to_owned).collect()),
    }
}

/// Runs a program with the drop-in and its probe; it has to succeed. Returns its standard output.
/// The processes that it starts have both as well.
pub(crate) fn output(words: &[&str]) -> Result<String> {
    program::output(&probed(words))
}

/// The words that run a program with the drop-in and its probe.
pub(crate) fn probed(words: &[&str]) -> Vec<String> {
    let probe = format!("USERDATA_LIBXL_PROBE={CALLS}");
    let words = [&["env", PROBE, &probe], words].concat();
    words.into_iter().map(str::to_owned).collect()
}
