//! The archive in which the userdata of a Xen domain travels: a tar, verified as a whole.
//!
//! libxl loses the userdata of a domain at a reboot, a save and a migration. A program that wants
//! the data to follow the domain writes it to an [`Archive`] before. The crate makes these
//! promises:
//!
//! * an [`Archive`] can be written and read back, within [`Limits`] that are the same for both;
//! * the same values give the same bytes, readable with plain `tar`;
//! * [`Archive::read`] returns exactly what [`Archive::write`] was given, or an error that names
//!   the part of the archive which is wrong. A cut or a flipped bit anywhere is an error;
//! * no name in an archive is used as a path, and memory is only taken for bytes that have arrived.
//!
//! The crate opens no file, asks no hypervisor, and stores nothing. The checksums protect against
//! damage only: an archive from an untrusted source can hold any values.
//!
//! # The form
//!
//! A POSIX tar of regular files, with mode 0600, owner 0, and time 0:
//!
//! 1. `userdata.json`, the manifest:
//!
//!    ```json
//!    {
//!      "schema": "userdata/archive/1",
//!      "domain": "5.11111111-2222-3333-4444-abcdef555555",
//!      "name": "web",
//!      "values": [
//!        {
//!          "userid": "xl",
//!          "size": 13,
//!          "version": "4abfe5877e7cd1e647f0720fe0c5e7fb8ea48d9b5f8b5fed4d3718ac19773c51"
//!        }
//!      ],
//!      "checksum": "d6ee50b1c832880b1fe2ad83d1f91611ee89d05a57b6bfe5f1506d24c744473e"
//!    }
//!    ```
//!
//!    `name` is null if the domain has none. The values are in the order of their userids' bytes. A
//!    userid has a backslash before a backslash and a quote, as in the JSON of the command
//!    `userdata`. `version` is the SHA-256 of the value, and `checksum` that of this document
//!    without the field `checksum` and the last line break.
//!
//! 2. For each value `values/NAME`, where NAME is the userid with every byte percent-encoded except
//!    ASCII letters, digits, `-`, `.`, `_` and `~`; a dot at the beginning is encoded, too. A name
//!    of more than 100 bytes is in a pax header (`path`). A long userid with more than 63
//!    punctuation characters may give a name of more than 255 bytes, which no file system accepts:
//!    `tar -xO` reads such a value.
//!
//! 3. Two blocks of zeros. Up to [`PADDING`] more zero bytes may follow, as a tape or `dd` adds
//!    them.
//!
//! The reader refuses an archive that another program made of the same files.
//!
//! # Example
//!
//! ```
//! use userdata_archive::{Archive, Limits};
//! use userdata_core::{Userid, Value};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
//! let value = (Userid::new("backup-agent")?, Value::new(b"last run: 2026-11-22".to_vec()));
//! let archive = Archive::new(domain, Some("web".to_owned()), [value])?;
//!
//! let limits = Limits::new(1 << 20);
//! let mut file = Vec::new();
//! archive.write(&mut file, &limits)?;
//! assert_eq!(Archive::read(&file[..], &limits)?, archive);
//!
//! file[600] ^= 1;
//! let error = Archive::read(&file[..], &limits).expect_err("a bit is flipped");
//! assert_eq!(error.to_string(), "userdata.json in the archive is damaged");
//! # Ok(())
//! # }
//! ```

mod archive;
mod input;
mod limits;
mod manifest;
mod member;
mod read;
mod read_error;
#[cfg(test)]
mod tests;
mod thread_safety;
mod write;

pub use archive::{Archive, ContentsError};
pub use limits::{Limit, LimitExceeded, Limits};
pub use member::Part;
pub use read::PADDING;
pub use read_error::{Damage, ReadError};
pub use write::WriteError;
