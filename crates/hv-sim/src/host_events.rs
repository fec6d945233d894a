//! The methods that are named for events, of a host in memory and of a host in a file.

use userdata_core::{DomainKey, Domid, Uuid};

use crate::{
    Event, EventError, HostFile, HostFileError, NewDomain, ShutdownReason, SimHost, Until,
};

macro_rules! short_forms {
    ($host:ty, $error:ty) => {
        /// Short forms of `apply`, one for each [`Event`]. [`Event`] says what each does and in
        /// which phases it can happen. If it can't, the error is an [`EventError`] and nothing is
        /// changed.
        impl $host {
            /// [`Event::Create`].
            pub fn create(&self, new: NewDomain) -> Result<DomainKey, $error> {
                self.happen(|now| now.create(&new))
            }

            /// [`Event::Shutdown`].
            pub fn shut_down(&self, domid: Domid, reason: ShutdownReason) -> Result<(), $error> {
                self.changing(&Event::Shutdown { domid, reason })
            }

            /// [`Event::Resume`].
            pub fn resume(&self, domid: Domid) -> Result<(), $error> {
                self.changing(&Event::Resume { domid })
            }

            /// [`Event::Pause`].
            pub fn pause(&self, domid: Domid) -> Result<(), $error> {
                self.changing(&Event::Pause { domid })
            }

            /// [`Event::Unpause`].
            pub fn unpause(&self, domid: Domid) -> Result<(), $error> {
                self.changing(&Event::Unpause { domid })
            }

            /// [`Event::Reboot`]: the domain that takes the place of this one.
            pub fn reboot(&self, domid: Domid) -> Result<DomainKey, $error> {
                self.happen(|now| now.reboot(domid))
            }

            /// [`Event::Destroy`] until the domain is gone, or dead if it is pinned.
            pub fn destroy(&self, domid: Domid) -> Result<(), $error> {
                self.destroy_until(domid, Until::Gone)
            }

            /// [`Event::Destroy`] until a phase is reached.
            pub fn destroy_until(&self, domid: Domid, until: Until) -> Result<(), $error> {
                self.changing(&Event::Destroy { domid, until })
            }

            /// [`Event::Kill`].
            pub fn kill(&self, domid: Domid) -> Result<(), $error> {
                self.changing(&Event::Kill { domid })
            }

            /// [`Event::MigrateBegin`]: the target, with the uuid of this domain.
            pub fn migrate_begin(&self, domid: Domid) -> Result<DomainKey, $error> {
                self.happen(|now| now.migrate_begin(domid))
            }

            /// [`Event::MigrateEnd`].
            pub fn migrate_end(&self, source: Domid, target: Domid) -> Result<(), $error> {
                self.changing(&Event::MigrateEnd { source, target })
            }

            /// [`Event::SoftReset`].
            pub fn soft_reset(&self, domid: Domid) -> Result<(), $error> {
                self.changing(&Event::SoftReset { domid })
            }

            /// [`Event::SetUuid`].
            pub fn set_uuid(&self, domid: Domid, uuid: Uuid) -> Result<(), $error> {
                self.changing(&Event::SetUuid { domid, uuid })
            }

            /// [`Event::Rename`].
            pub fn rename(&self, domid: Domid, name: impl Into<String>) -> Result<(), $error> {
                let name = name.into();
                self.changing(&Event::Rename { domid, name })
            }

            /// [`Event::Hide`].
            pub fn hide(&self, domid: Domid) -> Result<(), $error> {
                self.changing(&Event::Hide { domid })
            }

            /// [`Event::Show`].
            pub fn show(&self, domid: Domid) -> Result<(), $error> {
                self.changing(&Event::Show { domid })
            }

            /// [`Event::Pin`].
            pub fn pin(&self, domid: Domid) -> Result<(), $error> {
                self.changing(&Event::Pin { domid })
            }

            /// [`Event::Unpin`].
            pub fn unpin(&self, domid: Domid) -> Result<(), $error> {
                self.changing(&Event::Unpin { domid })
            }

            /// [`Event::BootHost`].
            pub fn boot_host(&self) -> Result<(), $error> {
                self.changing(&Event::BootHost)
            }

            fn changing(&self, event: &Event) -> Result<(), $error> {
                self.apply(event).map(drop)
            }
        }
    };
}

short_forms!(SimHost, EventError);
short_forms!(HostFile, HostFileError);
