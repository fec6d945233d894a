//! The contract of `Store`, checked on every implementation.

use std::sync::Arc;

use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::hypervisor::BootId;
use userdata_core::store::TreeOwner;
use userdata_fs::{Directory, FileStore, Name, OsDirectory};
use userdata_sim::{SimDisk, SimOptions};
use userdata_testkit::store::{self, StoreUnderTest};

use crate::engine::database::Database;
use crate::engine::database_store::DatabaseStore;
use crate::place::Place;

/// An empty directory. Each call opens it again, as another process would.
type Opened<D> = Box<dyn Fn() -> D + Send + Sync>;

fn real(place: Place) -> Opened<OsDirectory> {
    let scratch = place.scratch();
    Box::new(move || OsDirectory::open(scratch.path()).expect("a scratch directory is opened"))
}

/// The options of a disk that the threads of a statement share.
fn shared_by_threads() -> SimOptions {
    let mut options = SimOptions::default();
    options.real_pauses = true;
    options
}

fn simulated() -> Opened<userdata_sim::SimDirectory> {
    let disk = SimDisk::new(shared_by_threads());
    Box::new(move || {
        disk.process()
            .root()
            .expect("a simulated directory is opened")
    })
}

/// Puts an empty file in the place of a value, as a power cut leaves one that libxl stored.
fn empty<D: Directory>(directory: &D, name: &[u8]) {
    let name = Name::new(name).expect("the name of a file");
    directory.unlink(name).expect("a value is there");
    let file = directory.create(name).expect("an empty file is made");
    directory.close(file).expect("an empty file is closed");
}

fn file_store<D: Directory>(open: Opened<D>, format: NameFormat) -> StoreUnderTest {
    let open = Arc::new(open);
    let again = Arc::clone(&open);
    let store = StoreUnderTest::new(move || FileStore::new(open()).with_name_format(format))
        .with_value_max(FileStore::<D>::VALUE_MAX)
        .with_damage(move |domain, userid| {
            let name = FileName::data(format, domain, userid).expect("a short name");
            empty(&again(), name.as_bytes());
        });
    match format {
        NameFormat::Seed => store.keeping_data_by_uuid_alone(),
        _ => store,
    }
}

/// A store in a tree, below the directory that is opened.
fn tree_store<D: Directory>(open: Opened<D>) -> StoreUnderTest {
    let owner: TreeOwner = "host-1".parse().expect("the owner of a tree");
    let boot: BootId = "boot-1".parse().expect("the name of a boot");
    let of_boot = format!("boot-{boot}");
    let open = Arc::new(open);
    let again = Arc::clone(&open);
    let store = move || FileStore::tree(open(), &owner, &boot).expect("a tree is opened");
    StoreUnderTest::new(store)
        .counting_no_records()
        .with_value_max(FileStore::<D>::VALUE_MAX)
        .with_damage(move |domain, userid| {
            let child = |directory: D, name: &[u8]| {
                let name = Name::new(name).expect("the name of a directory");
                directory.open_directory(name).expect("it is there")
            };
            let name = |format| FileName::data(format, domain, userid).expect("a short name");
            let domain = FileName::lock(NameFormat::Tree, domain);
            let directory = child(child(again(), of_boot.as_bytes()), domain.as_bytes());
            empty(&directory, name(NameFormat::Tree).as_bytes());
        })
}

#[test]
fn a_file_store_with_libxl_names_conforms() {
    for place in Place::all() {
        store::run_all(|| file_store(real(place), NameFormat::Libxl));
    }
}

#[test]
fn a_file_store_with_seed_names_conforms() {
    for place in Place::all() {
        store::run_all(|| file_store(real(place), NameFormat::Seed));
    }
}

#[test]
fn a_file_store_on_a_simulated_directory_conforms() {
    for format in [NameFormat::Libxl, NameFormat::Seed] {
        store::run_all(|| file_store(simulated(), format));
    }
}

#[test]
fn a_file_store_with_the_locks_of_nfs_conforms() {
    store::run_all(|| {
        let mut options = shared_by_threads();
        options.nfs_locks = true;
        let disk = SimDisk::new(options);
        let open = move || disk.process().root().expect("a directory is opened");
        file_store(Box::new(open), NameFormat::Libxl)
    });
}

#[test]
fn a_file_store_in_a_tree_conforms() {
    for place in Place::all() {
        store::run_all(|| tree_store(real(place)));
    }
}

#[test]
fn a_file_store_in_a_simulated_tree_conforms() {
    store::run_all(|| tree_store(simulated()));
}

#[test]
fn a_file_store_in_a_tree_without_openat2_conforms() {
    store::run_all(|| {
        let mut options = shared_by_threads();
        options.has_openat2 = false;
        let disk = SimDisk::new(options);
        let open = move || disk.process().root().expect("a directory is opened");
        tree_store(Box::new(open))
    });
}

#[test]
fn a_store_without_locks_conforms() {
    store::run_all(|| {
        let database = Arc::new(Database::default());
        StoreUnderTest::new(move || DatabaseStore::new(Arc::clone(&database)))
            .with_value_max(DatabaseStore::VALUE_MAX)
    });
}
