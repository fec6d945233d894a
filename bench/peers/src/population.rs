//! `Population`: the other values that a peer's values are among, in every form that a peer has.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use userdata_core::file_name::{FileName, NameFormat};

use crate::lineup::{Home, Kind};
use crate::peer::Peer;
use crate::slot::{Slot, Subject};
use crate::work::VALUES;

/// What a database stores as another value. Other files are empty, because only their names make
/// work.
const OTHER: &[u8] = b"another";

/// So many values of other domains, five a domain.
pub fn others(values: u32) -> impl Iterator<Item = Result<Slot>> {
    (0..values).map(|value| Subject::new(value / VALUES)?.slot(value % VALUES))
}

/// Makes the files of so many other values, in a directory that several peers share.
///
/// # Errors
///
/// When they can't be made.
pub fn make_files(home: Home, path: &Path, values: u32) -> Result<()> {
    for slot in others(values) {
        let slot = slot?;
        let name = match home {
            Home::Folders => {
                if slot.number == 0 {
                    fs::create_dir(path.join(&slot.domain.uuid))?;
                }
                slot.name
            }
            _ => {
                let userid = slot.userid.as_userid();
                FileName::data(NameFormat::Libxl, &slot.domain.key, userid)?.to_string()
            }
        };
        File::create_new(path.join(&name)).with_context(|| format!("cannot make {name}"))?;
    }
    Ok(())
}

/// Stores so many other values in a database of a peer's own.
///
/// # Errors
///
/// When they can't be stored.
pub fn fill(peer: &mut dyn Peer, kind: Kind, values: u32) -> Result<()> {
    peer.fill(&mut others(values), OTHER)
        .with_context(|| format!("{kind} is not filled"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_values_are_five_a_domain() {
        let scratch = tempfile::tempdir().unwrap();
        let path = Kind::Ours.directory(scratch.path()).unwrap();
        make_files(Home::Flat, &path, 12).unwrap();
        let mut ours = Kind::Ours.open_here(&path).unwrap();
        let listed = |number| Subject::new(number).map(|domain| ours.list(&domain).unwrap().len());
        let listed: Vec<usize> = (0..4).map(listed).collect::<Result<_>>().unwrap();
        assert_eq!(listed, [5, 5, 2, 0]);
    }
}
