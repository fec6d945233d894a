//! A tiny guest, created by real xl.

use std::fs;

use anyhow::{Context, Result};

use crate::program;

/// What the guest does as soon as it runs; see `nopv.S`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    /// Nothing: it is left paused, never run.
    Paused,
    /// Waits for ever.
    Waits,
}

/// A domain that exists for as long as this value does.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) domid: u32,
    destroyed: bool,
}

impl Guest {
    /// Creates a domain of this name.
    pub(crate) fn create(name: &str, does: Does) -> Result<Self> {
        let path = format!("/tmp/{name}.cfg");
        let config = format!("name=\"{name}\"\ntype=\"pv\"\nkernel=\"/payload/nopv\"\nmemory=4\n");
        fs::write(&path, config).with_context(|| format!("cannot write {path}"))?;
        match does {
            Does::Paused => program::output(&["xl", "create", "-q", "-p", &path])?,
            Does::Waits => program::output(&["xl", "create", "-q", &path])?,
        };
        let domid = program::output(&["xl", "domid", name])?;
        let domid = domid
            .trim()
            .parse()
            .with_context(|| format!("no domid: {domid}"))?;
        Ok(Self {
            domid,
            destroyed: false,
        })
    }

    /// Destroys it with `xl destroy`, which has to succeed.
    pub(crate) fn destroy(mut self) -> Result<()> {
        self.destroyed = true;
        program::output(&["xl", "destroy", &self.domid.to_string()]).map(drop)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if !self.destroyed {
            // Only after a failure, which is already reported; what is left is cleared there.
            let _ = program::run(&["xl", "destroy", &self.domid.to_string()], b"");
        }
    }
}
