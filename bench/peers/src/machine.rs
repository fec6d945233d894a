//! `Machine`: where the figures come from.

use std::collections::BTreeMap;
use std::fs;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use serde::Serialize;

/// The machine, as the kernel describes it.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The kernel's release.
    pub kernel: String,
    /// The model of the processor.
    pub processor: String,
    /// How many processors this process may use.
    pub processors: usize,
    /// Its memory in MiB.
    pub memory_mib: u64,
    /// The load before the run, as in `/proc/loadavg`.
    pub load_before: String,
    /// The load after the run; its own share is in it.
    pub load_after: Option<String>,
}

impl Machine {
    /// This one.
    ///
    /// # Errors
    ///
    /// When the kernel does not tell.
    pub fn here() -> Result<Self> {
        let processors = read("/proc/cpuinfo")?;
        let memory = read("/proc/meminfo")?;
        let kilobytes = field(&memory, "MemTotal").trim_end_matches(" kB");
        Ok(Self {
            kernel: read("/proc/sys/kernel/osrelease")?,
            processor: field(&processors, "model name").to_owned(),
            processors: available_parallelism()?.get(),
            memory_mib: kilobytes.parse::<u64>().unwrap_or_default() / 1024,
            load_before: load()?,
            load_after: None,
        })
    }
}

/// The load of the machine.
///
/// # Errors
///
/// When the kernel does not tell.
pub fn load() -> Result<String> {
    read("/proc/loadavg")
}

fn read(path: &str) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.trim().to_owned())
}

/// What follows a name and a colon; empty if the kernel has no such line.
fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(key, _)| key.trim() == name);
    found.next().map_or("", |(_, value)| value.trim())
}

/// The packages that are peers.
const PACKAGES: [&str; 8] = [
    "atomic-write-file",
    "fjall",
    "heed",
    "libsqlite3-sys",
    "lmdb-master-sys",
    "redb",
    "rusqlite",
    "tempfile",
];

/// The version of each peer: what Cargo.lock names, and what the libraries in C say of themselves.
///
/// # Errors
///
/// If the lock file is not one.
pub fn versions() -> Result<BTreeMap<String, String>> {
    let lock: toml::Table = include_str!("../Cargo.lock").parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let packages = packages.context("Cargo.lock names no package")?.iter();
    let mut versions: BTreeMap<String, String> = packages
        .filter_map(|package| {
            let name = package.get("name")?.as_str()?;
            let version = package.get("version")?.as_str()?;
            PACKAGES
                .contains(&name)
                .then(|| (name.to_owned(), version.to_owned()))
        })
        .collect();
    versions.insert("SQLite".to_owned(), rusqlite::version().to_owned());
    let lmdb = heed::lmdb_version();
    versions.insert(
        "LMDB".to_owned(),
        format!("{}.{}.{}", lmdb.major, lmdb.minor, lmdb.patch),
    );
    versions.insert("libxl".to_owned(), "4.17 of Debian 12".to_owned());
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_each_peer_is_known() {
        let versions = versions().unwrap();
        assert!(PACKAGES.iter().all(|name| versions.contains_key(*name)));
    }
}
