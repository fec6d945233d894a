//! Every peer that can be here passes the conformance test, in this process and in one of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use userdata_bench_peers::conformance::check;
use userdata_bench_peers::lineup::{Kind, Programs};
use userdata_bench_peers::peer::Peer;
use userdata_bench_peers::peer::child::Child;
use userdata_bench_peers::slot::{Slot, Subject};

/// The program in C that does as libxl did in 2010.
fn stdio(folder: &Path) -> Result<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("c");
    let program = folder.join("stdio");
    let status = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .args([sources.join("timed.c"), sources.join("stdio.c")])
        .status()?;
    ensure!(status.success(), "cc fails");
    Ok(program)
}

#[test]
fn every_peer_stores_and_removes_what_it_should() {
    let scratch = tempfile::tempdir().unwrap();
    let programs = Programs {
        libxl: None,
        stdio: Some(stdio(scratch.path()).unwrap()),
    };
    for kind in Kind::all(&programs) {
        let path = kind.directory(scratch.path()).unwrap();
        let domains = [kind.domain(0).unwrap(), kind.domain(1).unwrap()];
        let mut peer = kind.open(&path, &programs, &domains).unwrap();
        check(peer.as_mut(), kind).unwrap_or_else(|error| panic!("{kind}: {error:#}"));
    }
}

#[test]
fn a_peer_in_a_process_of_its_own_does_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    for kind in Kind::all(&Programs::default()) {
        let path = kind.directory(scratch.path()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_userdata-bench-peers"));
        command.args(["serve", &kind.id()]);
        let domains = [kind.domain(0).unwrap(), kind.domain(1).unwrap()];
        let mut peer = Child::start(&mut command, &path, &domains).unwrap();
        check(&mut peer, kind).unwrap_or_else(|error| panic!("{kind}: {error:#}"));
    }
}

#[test]
fn a_peer_that_forgets_values_does_not_pass() {
    struct Forgetful(Box<dyn Peer>);
    impl Peer for Forgetful {
        fn store(&mut self, _: &Slot, _: &[u8]) -> Result<()> {
            Ok(())
        }
        fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>> {
            self.0.retrieve(slot)
        }
        fn size(&mut self, slot: &Slot) -> Result<Option<u64>> {
            self.0.size(slot)
        }
        fn list(&mut self, domain: &Subject) -> Result<Vec<String>> {
            self.0.list(domain)
        }
        fn remove(&mut self, slot: &Slot) -> Result<()> {
            self.0.remove(slot)
        }
        fn clear(&mut self, domain: &Subject) -> Result<()> {
            self.0.clear(domain)
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let path = Kind::Ours.directory(scratch.path()).unwrap();
    let inner = Kind::Ours.open_here(&path).unwrap();
    assert!(check(&mut Forgetful(inner), Kind::Ours).is_err());
}
