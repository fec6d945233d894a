//! The adversary: a program that knows nothing of this library, and uses its directory.

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_fs::{Directory as _, LockMode, Name};

use super::directory::ScheduledDirectory;
use super::scheduled_process::ScheduledProcess;
use super::task::Interference;
use crate::history::Event;
use crate::schedule::Point;

/// Does it.
pub(crate) fn perform(
    scheduled: &ScheduledProcess,
    directory: &ScheduledDirectory,
    domain: DomainKey,
    interference: &Interference,
) {
    match interference {
        Interference::Plant {
            kind,
            userid,
            plant,
        } => {
            let kind = char::from(*kind);
            let file = [
                format!("userdata-{kind}.{domain}.").as_bytes(),
                userid.as_bytes(),
            ]
            .concat();
            let Some(name) = Name::new(&file) else {
                return;
            };
            if !scheduled.wait(Point::Step) {
                return;
            }
            if directory.inner().plant(name, plant.clone()).is_ok() {
                scheduled.trace(|| format!("plant {plant:?} as {name}"));
                let (process, plant) = (scheduled.id(), plant.clone());
                scheduled.record(Event::Planted {
                    process,
                    file,
                    plant,
                });
            }
        }
        Interference::HoldLock(span) => {
            let name = FileName::lock(NameFormat::Libxl, &domain);
            let Ok(file) = directory.open((&name).into()) else {
                return;
            };
            if directory.lock(&file, LockMode::Exclusive).is_ok() {
                directory.pause(*span);
            }
            let _ = directory.close(file);
        }
    }
}
