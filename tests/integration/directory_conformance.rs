//! The contract of `Directory`, checked on every implementation.

use userdata_fs::{Directory as _, Name, OsDirectory};
use userdata_sim::faults::Faults;
use userdata_sim::interpose::{Interposed, Trace};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions};
use userdata_testkit::directory::{self, DirectoryUnderTest};
use userdata_testkit::hostile::Hostile;

use crate::place::Place;

#[test]
fn a_real_directory_conforms() {
    for place in Place::all() {
        directory::run_all(|| {
            let scratch = place.scratch();
            let directory = OsDirectory::open(scratch.path()).unwrap();
            DirectoryUnderTest::new(directory, move |_, name, hostile| {
                hostile.plant(scratch.path(), name.as_bytes()).unwrap()
            })
        });
    }
}

#[test]
fn a_child_of_a_real_directory_conforms() {
    directory::run_all(|| {
        let (scratch, name) = (Place::Disk.scratch(), Name::new(b"child").unwrap());
        let parent = OsDirectory::open(scratch.path()).unwrap();
        parent.make_directory(name).unwrap();
        let child = parent.open_directory(name).unwrap();
        DirectoryUnderTest::new(child, move |_, name, hostile| {
            hostile
                .plant(&scratch.path().join("child"), name.as_bytes())
                .unwrap()
        })
    });
}

#[test]
fn a_simulated_directory_conforms() {
    directory::run_all(|| {
        let disk = SimDisk::new(SimOptions::default());
        DirectoryUnderTest::new(disk.process().root().unwrap(), plant_simulated)
    });
}

#[test]
fn a_directory_without_faults_conforms() {
    directory::run_all(|| {
        let disk = SimDisk::new(SimOptions::default());
        let (inner, planted) = (
            disk.process().root().unwrap(),
            disk.process().root().unwrap(),
        );
        let faulty: Interposed<SimDirectory, Faults> = Interposed::new(inner, Faults::default());
        DirectoryUnderTest::new(faulty, move |_, name, hostile| {
            plant_simulated(&planted, name, hostile)
        })
    });
}

#[test]
fn a_traced_directory_conforms() {
    directory::run_all(|| {
        let scratch = Place::Disk.scratch();
        let inner = OsDirectory::open(scratch.path()).unwrap();
        let tracing: Interposed<OsDirectory, Trace> = Interposed::new(inner, Trace::default());
        DirectoryUnderTest::new(tracing, move |_, name, hostile| {
            hostile.plant(scratch.path(), name.as_bytes()).unwrap()
        })
    });
}

/// Plants a file in a simulated directory, as `Hostile::plant` does in a real one.
fn plant_simulated(directory: &SimDirectory, name: Name<'_>, hostile: &Hostile) -> bool {
    let plant = match hostile {
        Hostile::Link(target) => Plant::Symlink(target.clone()),
        Hostile::Fifo => Plant::Fifo,
        Hostile::Socket => Plant::Socket,
        Hostile::Device => Plant::Device,
        Hostile::Directory => Plant::Directory,
        Hostile::Huge(bytes) => Plant::Zeros(*bytes),
        Hostile::Empty => Plant::Zeros(0),
        _ => return false,
    };
    let planted = directory.plant(name, plant);
    planted.expect("something is planted");
    true
}
