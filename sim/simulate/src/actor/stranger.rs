//! Somebody who knows nothing of this service, and uses its directory all the same.

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_fs::{Directory as _, LockMode, Name};

use super::directory::SeatedDirectory;
use super::seat::Seat;
use super::task::Mischief;
use crate::history::Event;
use crate::schedule::Point;

/// Does it.
pub(crate) fn perform(
    seat: &Seat,
    directory: &SeatedDirectory,
    domain: DomainKey,
    mischief: &Mischief,
) {
    match mischief {
        Mischief::Plant {
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
            if !seat.wait(Point::Step) {
                return;
            }
            if directory.inner().plant(name, plant.clone()).is_ok() {
                seat.trace(|| format!("plant {plant:?} as {name}"));
                let (process, plant) = (seat.id(), plant.clone());
                seat.record(Event::Planted {
                    process,
                    file,
                    plant,
                });
            }
        }
        Mischief::HoldLock(span) => {
            let name = FileName::lock(NameFormat::Libxl, &domain);
            let Ok(file) = directory.open((&name).into()) else {
                return;
            };
            if directory.lock(&file, LockMode::Exclusive).is_ok() {
                directory.pause(*span);
            }
            directory.close(file);
        }
    }
}
