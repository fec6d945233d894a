//! A value that another program overwrites in place while it is read.

use std::sync::Mutex;

use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Store as _, Value};
use userdata_fs::{Directory as _, Errno, FileStore, Name};
use userdata_sim::interpose::{Answer, Call, CallKind, Interceptor, Interposed};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions};

use crate::scene::userid;

/// Overwrites the value in place whenever a reader has asked for its size.
struct Rewriting {
    directory: SimDirectory,
    name: FileName,
    /// The values to write, the next one last.
    becomes: Mutex<Vec<&'static [u8]>>,
}

impl Interceptor for Rewriting {
    fn after(&self, _: u32, call: &Call<'_>, _: Result<Answer<'_>, Errno>) {
        if call.kind() == CallKind::Metadata
            && let Some(next) = self.becomes.lock().unwrap().pop()
        {
            let file = self
                .directory
                .open_truncated(Name::from(&self.name))
                .unwrap();
            self.directory.write(&file, next).unwrap();
        }
    }
}

/// Reads a value that is overwritten with these values, one after another, during the read.
fn read(becomes: &[&'static [u8]]) -> Result<Option<Value>, StoreError> {
    let (disk, xl) = (SimDisk::new(SimOptions::default()), userid("xl"));
    let domain: DomainKey = "5.11111111-2222-3333-4444-abcdef555555".parse().unwrap();
    let name = FileName::data(NameFormat::Libxl, &domain, xl.as_userid()).unwrap();
    let directory = disk.process().root().unwrap();
    directory
        .plant(
            Name::from(&name),
            Plant::File(b"before, and rather long".to_vec()),
        )
        .unwrap();
    let becomes = Mutex::new(becomes.iter().rev().copied().collect());
    let rewriting = Rewriting {
        directory,
        name,
        becomes,
    };
    let store = FileStore::new(Interposed::new(disk.process().root().unwrap(), rewriting));
    store.get(&domain, xl.as_userid())
}

#[test]
fn a_value_that_shrinks_or_grows_while_it_is_read_is_read_again() {
    for after in [
        &b"short"[..],
        b"after, and a good deal longer than it was before",
        b"x",
    ] {
        let value = read(&[after]).unwrap().unwrap();
        assert_eq!(value.as_bytes(), after);
        let value = read(&[b"in between", after]).unwrap().unwrap();
        assert_eq!(value.as_bytes(), after);
    }
}

#[test]
fn a_value_that_keeps_changing_is_an_error() {
    let restless = [&b"short"[..], b"and longer"].repeat(50);
    let error = read(&restless).unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::ChangedWhileRead),
        "{error:?}"
    );
}
