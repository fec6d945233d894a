//! `Performer`: a process that does its tasks, one after the other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hv_sim::SimHost;
use userdata::Userdata;
use userdata::sweep::Sightings;
use userdata_core::file_name::NameFormat;
use userdata_fs::{Errno, FileStore};

use super::directory::{ScheduledDirectory, open_root, open_shared};
use super::host::ScheduledHost;
use super::library::Library;
use super::libxl::Libxl;
use super::scheduled_process::ScheduledProcess;
use super::task::Task;
use super::threads::{Running, Threads};
use super::{adversary, life};
use crate::schedule::Point;
use crate::walk::open_store;

/// A store, and its clones in the threads of one process.
pub(crate) type SharedStore = FileStore<ScheduledDirectory>;

/// The store of a process with these threads.
pub(crate) fn open_shared_store(
    first: &Arc<ScheduledProcess>,
    threads: Vec<Arc<ScheduledProcess>>,
    running: &Running,
    (format, boot): (NameFormat, &str),
) -> Result<SharedStore, Errno> {
    let threads = Threads::new(Arc::clone(first), threads, running.clone());
    let root = open_shared(first, threads)?;
    first.set_prepares(true);
    let opened = open_store(format, root, boot);
    first.set_prepares(false);
    opened
}

/// Everything that a process works with.
pub(crate) struct Performer {
    scheduled: Arc<ScheduledProcess>,
    host: ScheduledHost,
    library: Library,
    libxl: Libxl,
    /// The adversary's.
    directory: ScheduledDirectory,
}

impl Performer {
    /// The performer of this process's tasks, none of which is done. Threads of one process have
    /// clones of one store.
    pub(crate) fn new(
        scheduled: Arc<ScheduledProcess>,
        host: &SimHost,
        sightings: Arc<Mutex<Sightings>>,
        timeout: Duration,
        store: SharedStore,
    ) -> Result<Self, Errno> {
        let host = ScheduledHost::new(Arc::clone(&scheduled), host);
        let userdata = Userdata::new(host.clone(), store).with_timeout(timeout);
        Ok(Self {
            library: Library::new(host.clone(), userdata, sightings),
            libxl: Libxl::new(host.clone(), open_root(&scheduled)?),
            directory: open_root(&scheduled)?,
            host,
            scheduled,
        })
    }

    /// Does the tasks, until it is dead.
    pub(crate) fn perform(&mut self, tasks: &[Task]) {
        for task in tasks {
            if !self.scheduled.wait(Point::Step) {
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
                Task::Interference(whose, interference) => {
                    if let Some(domain) = self.host.resolve(*whose) {
                        adversary::perform(&self.scheduled, &self.directory, domain, interference);
                    }
                }
            }
        }
    }
}
