//! The host that the checks run on: its version, its domains, and libxl's directory of userdata.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::program;

/// libxl's directory of userdata.
pub(crate) const DIRECTORY: &str = "/var/lib/xen";

/// The hypervisor's version, such as `4.17.6`.
pub(crate) fn xen() -> Result<String> {
    let part = |name: &str| {
        let path = PathBuf::from("/sys/hypervisor/version").join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
        anyhow::Ok(text.trim().to_owned())
    };
    Ok(format!(
        "{}.{}{}",
        part("major")?,
        part("minor")?,
        part("extra")?
    ))
}

/// The version of dom0's kernel.
pub(crate) fn kernel() -> Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").context("no kernel version")?;
    Ok(text.trim().to_owned())
}

/// The domids that `xl list` shows, without dom0's.
pub(crate) fn domids() -> Result<Vec<u32>> {
    let text = program::output(&["xl", "list"])?;
    let mut domids = Vec::new();
    for line in text.lines().skip(1) {
        // xl shows a domain without a name as "(null)". The checks' names have no spaces.
        let domid = line
            .split_whitespace()
            .nth(1)
            .with_context(|| format!("no domid: {line}"))?;
        domids.push(domid.parse().with_context(|| format!("no domid: {line}"))?);
    }
    domids.retain(|&domid| domid != 0);
    Ok(domids)
}

/// The names of the userdata files of a domain, or of all domains except dom0.
pub(crate) fn files(of: Option<u32>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(DIRECTORY).with_context(|| format!("cannot list {DIRECTORY}"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let mut parts = name.splitn(3, '.');
        let kind = parts.next().unwrap_or_default();
        let domid = parts.next().and_then(|part| part.parse::<u32>().ok());
        let wanted = match of {
            Some(of) => domid == Some(of),
            None => domid != Some(0),
        };
        if kind.starts_with("userdata-") && wanted {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Fails if any domain, or any file of a domain, is left.
pub(crate) fn clean() -> Result<()> {
    let (domids, files) = (domids()?, files(None)?);
    ensure!(domids.is_empty(), "left behind: domains {domids:?}");
    ensure!(files.is_empty(), "left behind: {}", files.join(", "));
    Ok(())
}

/// Removes everything that [`clean`] fails for.
pub(crate) fn clear() -> Result<()> {
    for domid in domids()? {
        program::output(&["xl", "destroy", &domid.to_string()])?;
    }
    for name in files(None)? {
        remove(&name)?;
    }
    Ok(())
}

/// Removes a file from libxl's directory.
pub(crate) fn remove(name: &str) -> Result<()> {
    let path = PathBuf::from(DIRECTORY).join(name);
    fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
}
