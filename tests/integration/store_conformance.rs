//! The contract of `Store`, on every store there is.

use std::sync::Arc;

use tempfile::TempDir;
use userdata_core::{BootId, NameFormat};
use userdata_fs::{FileStore, OsDirectory};
use userdata_testkit::store::{self, StoreUnderTest};

use crate::engine::database::Database;
use crate::engine::database_store::DatabaseStore;
use crate::engine::tree::TreeStore;

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a scratch directory")
}

#[test]
fn a_file_store_with_libxl_names_conforms() {
    store::run_all(&|| {
        let scratch = scratch();
        StoreUnderTest::new(move || FileStore::open(scratch.path()).unwrap())
            .with_value_max(FileStore::<OsDirectory>::VALUE_MAX)
    });
}

#[test]
fn a_file_store_with_seed_names_conforms() {
    store::run_all(&|| {
        let scratch = scratch();
        let open = move || FileStore::open(scratch.path()).unwrap();
        StoreUnderTest::new(move || open().with_name_format(NameFormat::Seed))
            .with_value_max(FileStore::<OsDirectory>::VALUE_MAX)
            .keeping_data_by_uuid_alone()
    });
}

#[test]
fn a_store_without_locks_conforms() {
    store::run_all(&|| {
        let database = Arc::new(Database::default());
        StoreUnderTest::new(move || DatabaseStore::new(Arc::clone(&database)))
            .with_value_max(DatabaseStore::VALUE_MAX)
    });
}

#[test]
fn a_store_in_a_tree_of_directories_conforms() {
    store::run_all(&|| {
        let scratch = scratch();
        let boot: BootId = "boot-1".parse().unwrap();
        let open = move || OsDirectory::open(scratch.path()).unwrap();
        StoreUnderTest::new(move || TreeStore::new(open(), boot.clone()))
            .with_value_max(TreeStore::<OsDirectory>::VALUE_MAX)
    });
}
