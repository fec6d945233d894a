//! Makes one state of a recording again.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::cut::{CrashImages, Cut};
use crate::recording::Recording;
use crate::rig::{Left, Rig};
use crate::tally;
use crate::write_log::Progress;

/// Describes the values in a state of a recording and their faults, and returns whether there are any.
pub(crate) fn replay(recording: &Path, cut: Cut, scratch: &Path) -> Result<(String, bool)> {
    let recording = Recording::load(recording)?;
    let mut rig = Rig::new(recording.file_system, scratch)?;
    let mut images = CrashImages::new(&recording.before, &recording.log);
    let left = rig.look(&mut images, cut)?;
    let Progress {
        begun,
        acknowledged,
    } = recording.log.progress(cut.after);
    let mut text = format!(
        "{} {}, seed {}, cut {cut}: {begun} changes begun, {acknowledged} acknowledged\n",
        recording.file_system.name(),
        recording.form.name(),
        recording.seed,
    );
    let is_wrong = match left {
        Left::Unmountable(why) => {
            let _ = writeln!(text, "cannot be mounted: {why}");
            true
        }
        Left::Found(found) => {
            let faults = tally::faults(&recording, cut, &found);
            for (key, found) in found.iter().enumerate() {
                let fault = faults.iter().find(|(faulty, _)| *faulty == key);
                let verdict = fault.map_or("as it must be", |(_, fault)| fault.name());
                let _ = writeln!(text, "key {key}: {found:?}: {verdict}");
            }
            !faults.is_empty()
        }
    };
    Ok((text, is_wrong))
}
