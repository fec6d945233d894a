//! The one call that the compiler can't check: opening LMDB.
#![expect(
    unsafe_code,
    reason = "LMDB maps its file, which another program could change"
)]

use std::path::Path;

use heed::{Env, EnvFlags, EnvOpenOptions, Result, WithoutTls};

/// Opens the environment in this directory. Without `synced` no commit waits for the disk.
///
/// # Errors
///
/// When LMDB can't.
pub fn open_lmdb(path: &Path, map_len: usize, synced: bool) -> Result<Env<WithoutTls>> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_len).max_readers(512);
    if !synced {
        // SAFETY: a crash of the machine may leave a damaged file; a benchmark never opens it then.
        unsafe { options.flags(EnvFlags::NO_SYNC) };
    }
    // SAFETY: the file is in a directory that the benchmark made for itself, so nothing but LMDB
    // changes it while it is mapped, and a process opens it once.
    unsafe { options.open(path) }
}
