//! `Performer`: a process that does its tasks, one after the other.

use std::sync::Arc;
use std::time::Duration;

use hv_sim::SimHost;
use userdata::Userdata;
use userdata_fs::{Errno, FileStore};

use super::directory::{SeatedDirectory, open_root};
use super::host::SeatedHost;
use super::library::Library;
use super::libxl::Libxl;
use super::seat::Seat;
use super::task::Task;
use super::{life, stranger};
use crate::schedule::Point;

/// Everything that a process works with.
pub(crate) struct Performer {
    seat: Arc<Seat>,
    host: SeatedHost,
    library: Library,
    libxl: Libxl,
    /// The stranger's.
    directory: SeatedDirectory,
}

impl Performer {
    /// A process on this seat, before anything was done.
    pub(crate) fn new(seat: Arc<Seat>, host: &SimHost, timeout: Duration) -> Result<Self, Errno> {
        let host = SeatedHost::new(Arc::clone(&seat), host);
        let store = FileStore::new(open_root(&seat)?);
        let userdata = Userdata::new(host.clone(), store).with_timeout(timeout);
        Ok(Self {
            library: Library::new(host.clone(), userdata),
            libxl: Libxl::new(host.clone(), open_root(&seat)?),
            directory: open_root(&seat)?,
            host,
            seat,
        })
    }

    /// Does the tasks, until it is dead.
    pub(crate) fn perform(&mut self, tasks: &[Task]) {
        for task in tasks {
            if !self.seat.wait(Point::Step) {
                return;
            }
            match task {
                Task::Userdata(whose, request) => {
                    if let Some(domain) = self.host.resolve(*whose) {
                        self.library.perform(domain, request);
                    }
                }
                Task::Libxl(whose, request) => {
                    if let Some(domain) = self.host.resolve(*whose) {
                        self.libxl.perform(domain.domid, request);
                    }
                }
                Task::Life(life) => life::perform(&self.host, &self.libxl, life),
                Task::Mischief(whose, mischief) => {
                    if let Some(domain) = self.host.resolve(*whose) {
                        stranger::perform(&self.seat, &self.directory, domain, mischief);
                    }
                }
            }
        }
    }
}
