//! One sweep after the end of a run. Then no data of a gone domain may be left, and no value of a
//! living domain may be lost.

use std::time::Duration;

use hv_sim::{Phase, SimHost};
use userdata::Userdata;
use userdata::sweep::{Sightings, SweepOptions};
use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::store::FileType;
use userdata_core::{DomainKey, Hypervisor as _, Life};
use userdata_sim::crash::Storage;
use userdata_sim::{SimDisk, SimOptions};

use super::complaint::Complaint;
use super::facts::{Facts, HostImage};
use crate::root::plain_root;
use crate::walk::{Guarantee, boot_directory, open_store};

/// The path of everything in the trash of a tree begins with it.
const TRASH: &[u8] = b"trash/";

/// The path of everything of an import that did not end has it.
const STAGE: &[u8] = b"/stage-";

/// The sweep has other random numbers than the run.
const SEED: u64 = 3;

/// Sweeps the disk that a run left, with the real code.
pub(crate) fn check(facts: &Facts<'_>, after: &HostImage, storage: &Storage) -> Vec<Complaint> {
    // Other layouts have no domids, so the hypervisor cannot be asked about a domain.
    if facts.format != NameFormat::Libxl {
        return Vec::new();
    }
    let complaint = |file: Option<&FileName>, why: String| {
        let file = file.map(ToString::to_string);
        Complaint::new(facts, Guarantee::Lifetime, file, why, [])
    };
    let disk = SimDisk::boot(storage.killed(), SimOptions::default().with_seed(SEED));
    let root = plain_root(&disk.process());
    let store = match root.and_then(|root| open_store(facts.layout, root, &facts.boot)) {
        Ok(store) => store,
        Err(errno) => return vec![complaint(None, format!("no sweep can be made: {errno:?}"))],
    };
    let host = SimHost::from(after.host.clone());
    let userdata = Userdata::new(host.clone(), store);
    let mut options = SweepOptions::default();
    options.grace = Duration::ZERO;
    if let Err(error) = userdata.sweep(&options, &mut Sightings::new(), |_| ()) {
        return vec![complaint(None, format!("the last sweep fails: {error:?}"))];
    }
    let tree = facts.view(disk.tree());
    let parse = |path: &[u8]| FileName::parse(facts.format, path);
    // A directory can't be unlinked: a sweep reports it.
    let files = tree
        .iter()
        .filter(|(_, entry)| entry.file_type() != FileType::Directory);
    let outlasts = files
        .filter_map(|(path, _)| parse(path))
        .filter(|name| is_gone(&host, name))
        .map(|name| complaint(Some(&name), "it outlasts its domain and a sweep".to_owned()));
    let lost = after.tree.iter().filter_map(|(path, entry)| {
        let name = parse(path).filter(|name| name.kind() == Kind::Data && is_alive(&host, name))?;
        (tree.get(path) != Some(entry)).then(|| {
            complaint(
                Some(&name),
                "a sweep took it from a living domain".to_owned(),
            )
        })
    });
    let paths = tree.iter().map(|(path, _)| path);
    let stays = paths
        .filter(|path| is_out_of_reach(facts, path))
        .map(|path| {
            let path = path.escape_ascii();
            complaint(
                None,
                format!("{path}, which no domain can reach, outlasts a sweep"),
            )
        });
    outlasts.chain(lost).chain(stays).collect()
}

/// Whether no domain can reach what is at this path of a tree.
pub(super) fn is_out_of_reach(facts: &Facts<'_>, path: &[u8]) -> bool {
    let own = boot_directory(&facts.boot);
    let is_stage = path.windows(STAGE.len()).any(|part| part == STAGE);
    let is_of_another_boot =
        path.starts_with(boot_directory("").as_bytes()) && !path.starts_with(own.as_bytes());
    facts.layout == NameFormat::Tree && (path.starts_with(TRASH) || is_stage || is_of_another_boot)
}

fn key(name: &FileName) -> Option<DomainKey> {
    name.owner().key()
}

/// Whether the hypervisor says that the domain of a file does not exist.
fn is_gone(host: &SimHost, name: &FileName) -> bool {
    let Some(key) = key(name) else {
        return false;
    };
    host.domain(key.domid)
        .is_ok_and(|found| found.is_none_or(|found| found.key != key || found.life == Life::Dead))
}

fn is_alive(host: &SimHost, name: &FileName) -> bool {
    let Some(key) = key(name) else {
        return false;
    };
    let state = host.state();
    // A hidden domain lives.
    let guest = state.guest(key.domid);
    guest.is_some_and(|guest| guest.uuid() == key.uuid && guest.phase() != Phase::Dead)
}
