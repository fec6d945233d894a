//! Ctrl-C: the first one ends a run with what was found so far, the second one ends it at once.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C, SIGTERM and SIGHUP ask for an end.
pub(crate) fn catch() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            process::exit(130);
        }
    })
}

/// Whether the user has asked for an end.
pub(crate) fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
