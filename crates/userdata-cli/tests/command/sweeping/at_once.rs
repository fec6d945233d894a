//! Several sweeps at the same time.

use std::process::{Child, Stdio};

use super::{lines, plant};
use crate::sandbox::{Ran, Sandbox, WEB};

#[test]
fn sweeps_at_the_same_time_remove_each_file_once() {
    let sandbox = Sandbox::with_web();
    let names: Vec<String> = (100..200)
        .map(|n| format!("userdata-d.{n}.{WEB}.xl"))
        .collect();
    plant(&sandbox, &names);
    sandbox.store_for_web("xl", b"value");
    let sweep = || {
        let mut command = sandbox.command(["sweep"]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let sweeps = [(); 4].map(|()| sweep());
    let ended = sweeps.map(|child: Child| Ran::from(child.wait_with_output().unwrap()));
    // If a sweep finds a domain locked for a second, it leaves the domain to the next sweep.
    let last = sandbox.run(["sweep"]);
    let mut removed = Vec::new();
    for ran in ended.iter().chain([&last]) {
        assert_eq!(ran.status, 0, "{ran:?}");
        let told = lines(ran.text());
        removed.extend(told.into_iter().map(|line| line[1].clone()));
    }
    // A sweep may remove the lock file that another sweep has made and not yet locked.
    removed.retain(|name| !name.starts_with("userdata-l."));
    removed.sort();
    assert_eq!(removed, names);
    assert_eq!(sandbox.value_of_web("xl"), b"value");
}
