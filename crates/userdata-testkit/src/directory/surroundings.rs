//! The clock, random numbers, and the process id.

use std::collections::BTreeSet;
use std::time::Duration;

use userdata_fs::Directory;

use super::{DirectoryUnderTest, name};

/// The clock is monotonic, advances during a pause, and is the same for every handle.
pub fn time_never_goes_back_and_passes_during_a_pause<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let directory = &under_test.directory;
    directory
        .make_directory(name("child"))
        .expect("a directory is made");
    let child = directory
        .open_directory(name("child"))
        .expect("a directory is opened");
    let mut last = directory.now();
    for round in 0..200 {
        let clock = if round % 2 == 0 { directory } else { &child };
        let now = clock.now();
        assert!(now >= last, "time goes back");
        last = now;
    }
    // A signal may end a pause early, so several are made.
    let before = directory.now();
    for _ in 0..3 {
        directory.pause(Duration::from_millis(3));
    }
    assert!(directory.now() > before, "a pause takes no time");
    directory.pause(Duration::ZERO);
}

/// No number is drawn twice, with one handle or with several.
pub fn random_numbers_are_distinct<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    directory
        .make_directory(name("child"))
        .expect("a directory is made");
    let child = directory
        .open_directory(name("child"))
        .expect("a directory is opened");
    let drawn: BTreeSet<u128> = (0..1000)
        .flat_map(|_| [directory.random(), child.random()])
        .map(|drawn| drawn.expect("a number is drawn"))
        .collect();
    assert_eq!(drawn.len(), 2000);
}

/// The process id is the same for every handle. (A store notices a fork because the id changes.)
pub fn a_process_keeps_its_number<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    directory
        .make_directory(name("child"))
        .expect("a directory is made");
    let child = directory
        .open_directory(name("child"))
        .expect("a directory is opened");
    assert_eq!(directory.process(), directory.process());
    assert_eq!(directory.process(), child.process());
}
