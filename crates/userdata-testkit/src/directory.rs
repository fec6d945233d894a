//! The contract of [`Directory`], one function per statement.
//!
//! The real directory and every simulated or decorated one pass the same list, so results on a
//! simulated directory are valid for the real one.
//!
//! ```
//! use userdata_fs::OsDirectory;
//! use userdata_testkit::directory::{self, DirectoryUnderTest};
//!
//! directory::run_all(|| {
//!     let scratch = tempfile::tempdir().unwrap();
//!     let directory = OsDirectory::open(scratch.path()).unwrap();
//!     DirectoryUnderTest::new(directory, move |_, name, hostile| {
//!         hostile.plant(scratch.path(), name.as_bytes()).unwrap()
//!     })
//! });
//! ```

mod children;
mod files;
mod listing;
mod locking;
mod naming;
mod special_files;
mod surroundings;
mod syncing;

use std::fmt;

use userdata_fs::{Directory, Errno, Metadata, Name};

use crate::hostile::Hostile;
use crate::suite::{self, Statement};

pub use children::*;
pub use files::*;
pub use listing::*;
pub use locking::*;
pub use naming::*;
pub use special_files::*;
pub use surroundings::*;
pub use syncing::*;

type Planting<D> = dyn Fn(&D, Name<'_>, &Hostile) -> bool;

/// An empty directory.
pub struct DirectoryUnderTest<D> {
    directory: D,
    plant: Box<Planting<D>>,
}

impl<D: Directory> DirectoryUnderTest<D> {
    /// Takes an empty directory, and a function that plants in it a file that no call of
    /// [`Directory`] makes; the function returns false if the system can't make such a file. The
    /// closure owns the value that keeps the directory alive, such as a temporary directory.
    pub fn new(directory: D, plant: impl Fn(&D, Name<'_>, &Hostile) -> bool + 'static) -> Self {
        Self {
            directory,
            plant: Box::new(plant),
        }
    }

    fn plant(&self, name: Name<'_>, hostile: &Hostile) -> bool {
        (self.plant)(&self.directory, name, hostile)
    }

    /// Makes a file with these bytes, and closes it.
    #[track_caller]
    fn store(&self, name: Name<'_>, bytes: &[u8]) {
        store_in(&self.directory, name, bytes);
    }

    #[track_caller]
    fn metadata(&self, name: Name<'_>) -> Metadata {
        let found = self.directory.metadata_at(name);
        found.expect("what is there has metadata")
    }

    #[track_caller]
    fn assert_absent(&self, name: Name<'_>) {
        assert_eq!(
            self.directory.metadata_at(name),
            Err(Errno::NOENT),
            "{name} is there"
        );
    }
}

impl<D> fmt::Debug for DirectoryUnderTest<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectoryUnderTest").finish_non_exhaustive()
    }
}

fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).expect("a single path component")
}

/// The error of a call that failed.
fn failure<T>(answer: Result<T, Errno>) -> Option<Errno> {
    answer.err()
}

#[track_caller]
fn store_in<D: Directory>(directory: &D, name: Name<'_>, bytes: &[u8]) {
    let file = directory.create(name).expect("a new file is made");
    write_all(directory, &file, bytes);
    assert_eq!(directory.close(file), Ok(()));
}

#[track_caller]
fn write_all<D: Directory>(directory: &D, file: &D::File, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let written = directory.write(file, bytes).expect("a file is written");
        assert!(written > 0, "a write makes no progress");
        bytes = bytes
            .get(written..)
            .expect("a write takes what it is given, and no more");
    }
}

/// Reads the rest of an open file.
#[track_caller]
fn read_all<D: Directory>(directory: &D, file: &D::File) -> Vec<u8> {
    let (mut bytes, mut buffer) = (Vec::new(), [0xaa; 1000]);
    loop {
        let count = directory.read(file, &mut buffer).expect("a file is read");
        if count == 0 {
            return bytes;
        }
        bytes.extend_from_slice(buffer.get(..count).expect("no more than fits"));
    }
}

#[track_caller]
fn read_at<D: Directory>(directory: &D, name: Name<'_>) -> Vec<u8> {
    let file = directory.open(name).expect("a file is opened");
    let bytes = read_all(directory, &file);
    assert_eq!(directory.close(file), Ok(()));
    bytes
}

/// Checks the whole contract, each statement on a fresh directory.
///
/// # Panics
///
/// If a statement is not true. The message names all statements that are not.
pub fn run_all<D: Directory>(make: impl Fn() -> DirectoryUnderTest<D>) {
    suite::run_all(&statements(), make);
}

/// The statements of the contract, for a test harness that runs them one by one.
#[must_use]
pub fn statements<D: Directory>() -> Vec<Statement<DirectoryUnderTest<D>>> {
    suite::statements! {
        children {
            a_child_directory_has_names_of_its_own,
            a_child_directory_is_not_made_twice,
            only_directories_are_opened_as_such,
            a_directory_is_removed_only_when_empty,
            a_directory_is_renamed_with_all_it_holds,
            a_directory_replaces_an_empty_one_only,
            files_move_from_one_directory_to_another,
            a_file_in_a_child_is_opened_in_one_call,
            a_directory_has_the_metadata_of_its_name,
            a_directory_can_be_locked,
            a_directory_locks_itself,
            nothing_can_be_made_in_a_removed_directory,
            a_directory_is_at_its_path_until_it_is_removed,
        }
        files {
            create_makes_an_empty_file,
            create_refuses_a_name_that_is_taken,
            written_bytes_are_read_back,
            each_open_file_has_a_position_of_its_own,
            a_read_fills_at_most_its_buffer,
            a_file_opened_for_reading_cannot_be_written,
            an_open_file_and_its_name_have_the_same_metadata,
            a_lock_file_is_opened_as_it_is,
            every_file_is_closed,
            a_file_stays_readable_when_its_name_is_gone,
            files_can_be_synced_however_they_were_opened,
        }
        listing {
            a_listing_shows_every_name_once,
            a_listing_ends_at_a_break,
            every_listing_starts_at_the_beginning,
            a_listing_shows_names_verbatim,
            names_can_be_looked_at_and_removed_while_they_are_listed,
        }
        locking {
            an_exclusive_lock_excludes_all_others,
            shared_locks_exclude_only_exclusive_ones,
            closing_a_file_releases_its_lock,
            dropping_a_file_releases_its_lock,
            unlocking_releases_a_lock_that_can_be_taken_again,
            an_exclusive_lock_can_become_a_shared_one,
            a_lock_belongs_to_the_file_and_not_to_its_name,
            each_file_is_locked_by_itself,
        }
        naming {
            an_absent_name_is_enoent_in_every_call,
            rename_gives_a_file_another_name,
            rename_replaces_the_file_of_the_new_name,
            rename_to_its_own_name_changes_nothing,
            link_gives_a_file_one_more_name,
            link_replaces_nothing,
            rename_no_replace_gives_a_file_another_name,
            rename_no_replace_replaces_nothing,
            concurrent_renames_that_replace_nothing_succeed_once,
            a_name_is_never_absent_while_it_is_replaced,
            files_and_directories_do_not_replace_each_other,
            concurrent_creates_of_one_name_succeed_once,
            long_names_are_taken_up_to_255_bytes,
        }
        special_files {
            links_are_not_followed,
            links_are_renamed_and_removed_themselves,
            opening_a_pipe_does_not_wait,
            a_socket_is_not_opened,
            each_special_file_is_reported_by_its_type,
            each_special_file_is_replaced_and_removed_like_a_file,
        }
        surroundings {
            time_never_goes_back_and_passes_during_a_pause,
            random_numbers_are_distinct,
            a_process_keeps_its_number,
        }
        syncing {
            a_file_can_be_written_back_before_its_rename,
            a_file_can_be_synced_with_its_name,
            a_file_of_any_kind_syncs_everything,
            promises_stay_the_same,
        }
    }
}
