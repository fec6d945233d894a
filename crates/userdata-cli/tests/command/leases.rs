//! A value on which another process has a lease, as file servers have.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::sandbox::Sandbox;

/// A process that has a lease for writing on this file; `None`, with a line that says so, where the
/// file system gives none.
fn leased(sandbox: &Sandbox, file: &Path) -> Option<Child> {
    let program = sandbox.path("lease");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lease.c");
    let compiled = Command::new("cc")
        .arg("-o")
        .args([&program, &source])
        .status()
        .expect("cc is there, as for every Rust program");
    assert!(compiled.success());
    let mut holder = Command::new(program)
        .arg(file)
        .arg("write")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = holder.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    if line != "leased\n" {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: leases, which this file system does not give"
        );
        holder.wait().unwrap();
        return None;
    }
    Some(holder)
}

#[test]
fn the_timeout_bounds_the_wait_for_a_leased_value() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    let Some(mut holder) = leased(&sandbox, &sandbox.file_of_web("xl")) else {
        return;
    };
    for timeout in ["0", "0.05"] {
        let message = sandbox.refused(7, ["--timeout", timeout, "retrieve", "web", "xl"]);
        assert!(message.contains("another process held it for"), "{message}");
    }
    // What does not open the value does not wait.
    assert!(
        sandbox
            .done(["list", "web", "--timeout", "0"])
            .contains("xl")
    );
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    assert_eq!(sandbox.value_of_web("xl"), b"value");
}
