//! A cluster to play with.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::cluster::Cluster;
use crate::interrupt;
use crate::programs::userdata;

/// The hosts for which a file is made.
const HOSTS: [&str; 2] = ["a", "b"];

/// Prints for each host a function of the shell that is the command there, and waits for Ctrl-C.
pub(crate) fn until_interrupted(cluster: &Cluster, folder: &Path) -> Result<()> {
    let (mut out, program) = (io::stdout(), userdata()?);
    writeln!(
        out,
        "etcd {} runs; Ctrl-C ends it",
        cluster.programs.version
    )?;
    for host in HOSTS {
        let file = folder.join(format!("{host}.toml"));
        let endpoints = cluster.endpoints();
        fs::write(
            &file,
            format!("endpoints = {endpoints:?}\nhost = \"{host}\"\n"),
        )?;
        let hypervisor = folder.join(format!("{host}.json"));
        writeln!(
            out,
            "{host}() {{ {} --pool {} --hypervisor sim:{} \"$@\"; }}",
            program.display(),
            file.display(),
            hypervisor.display()
        )?;
    }
    writeln!(out, "etcdctl --endpoints {}", cluster.endpoints().join(","))?;
    out.flush()?;
    while !interrupt::came() {
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
