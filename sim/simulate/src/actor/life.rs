//! A toolstack that lets domains live and die.

use hv_sim::{Event, Until};

use super::host::ScheduledHost;
use super::libxl::Libxl;
use super::task::{LibxlRequest, Life};

/// Lets it happen. An event that can't happen at this moment is left out.
pub(crate) fn perform(host: &ScheduledHost, libxl: &Libxl, life: &Life) {
    match life {
        Life::Create { domid, uuid } => host.create(*domid, *uuid),
        Life::Kill(whose) => {
            let Some(key) = host.resolve(*whose) else {
                return;
            };
            let domid = key.domid;
            if host.apply_to(&key, &Event::Kill { domid }).is_ok() {
                for until in [Until::Dead, Until::Gone] {
                    let _ = host.apply_to(&key, &Event::Destroy { domid, until });
                }
            }
        }
        Life::Reboot(whose) => {
            if let Some(key) = host.resolve(*whose) {
                libxl.perform(key.domid, &LibxlRequest::Destroy);
                host.create(None, key.uuid);
            }
        }
        Life::Migrate(whose) => {
            if let Some(key) = host.resolve(*whose) {
                host.create(None, key.uuid);
                libxl.perform(key.domid, &LibxlRequest::Destroy);
            }
        }
        Life::Return(whose) => {
            if let Some(key) = host.resolve(*whose) {
                host.create_again(key);
            }
        }
        Life::SetUuid(whose, uuid) => {
            if let Some(key) = host.resolve(*whose) {
                host.set_uuid(&key, *uuid);
            }
        }
        Life::RestoreUuid(whose) => {
            if let Some(key) = host.resolve(*whose) {
                let (domid, uuid) = (key.domid, key.uuid);
                let _ = host.apply(&Event::SetUuid { domid, uuid });
            }
        }
        Life::Hide(whose) => {
            if let Some(key) = host.resolve(*whose) {
                let _ = host.apply_to(&key, &Event::Hide { domid: key.domid });
            }
        }
        Life::Show(whose) => {
            if let Some(key) = host.resolve(*whose) {
                let _ = host.apply_to(&key, &Event::Show { domid: key.domid });
            }
        }
        Life::Pin(whose) => {
            if let Some(key) = host.resolve(*whose) {
                let _ = host.apply_to(&key, &Event::Pin { domid: key.domid });
            }
        }
        Life::Unpin(whose) => {
            if let Some(key) = host.resolve(*whose) {
                let _ = host.apply_to(&key, &Event::Unpin { domid: key.domid });
            }
        }
    }
}
