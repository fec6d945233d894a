//! The shared libraries that the command needs at run time.

use std::time::Duration;

use anyhow::{Result, bail};

use super::log::Log;
use crate::{child, project};

/// The C library, its parts in older releases, and the compiler's own library.
const PERMITTED: [&str; 6] = [
    "ld-linux-",
    "libc.so.",
    "libdl.so.",
    "libgcc_s.so.",
    "libm.so.",
    "libpthread.so.",
];

/// Fails if the command, as users build it, links any other library, such as one of Xen's.
pub(crate) fn check(log: &mut Log) -> Result<String> {
    log.cargo(&["build", "--locked", "--release", "-p", "userdata-cli"])?;
    let mut readelf = child::command("readelf");
    readelf
        .args(["--wide", "--dynamic"])
        .arg(project::target().join("release/userdata"));
    let dynamic = child::output(&mut readelf, Duration::from_secs(60))?;
    let needed = needed(&dynamic);
    let foreign = needed
        .iter()
        .filter(|name| !PERMITTED.iter().any(|p| name.starts_with(p)));
    let foreign: Vec<&str> = foreign.copied().collect();
    if needed.is_empty() || !foreign.is_empty() {
        bail!(
            "the command links {}",
            if needed.is_empty() { &needed } else { &foreign }.join(", ")
        );
    }
    Ok(needed.join(", "))
}

/// The shared objects in the output of `readelf --dynamic`.
fn needed(dynamic: &str) -> Vec<&str> {
    let lines = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    lines
        .filter_map(|line| line.split_once('[')?.1.split_once(']'))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needed_objects_are_read() {
        let dynamic = "Dynamic section at offset 0x1 contains 3 entries:\n\
             0x0000000000000001 (NEEDED)             Shared library: [libxenctrl.so.4.17]\n\
             0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]\n\
             0x000000000000000c (INIT)               0x1000\n";
        assert_eq!(needed(dynamic), ["libxenctrl.so.4.17", "libc.so.6"]);
    }
}
