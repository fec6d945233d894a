//! `Kernel`: the processes of one simulated host, their open files and locks, and its clock.

use std::collections::BTreeMap;
use std::time::Duration;

use userdata_fs::{Errno, LockMode};

use crate::call::CallKind;
use crate::random::Random;
use crate::storage::{Body, NodeId, Storage};
use crate::{SimOptions, Step};

/// How far the clock moves when a process reads it.
const TICK: Duration = Duration::from_micros(1);

/// The time that a dead process reads: every deadline has passed.
const END_OF_TIME: Duration = Duration::from_secs(u32::MAX as u64);

#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) storage: Storage,
    pub(crate) options: SimOptions,
    pub(crate) steps: Option<Vec<Step>>,
    processes: BTreeMap<u32, Process>,
    opened: BTreeMap<u64, Description>,
    clock: Duration,
    pub(crate) random: Random,
    next_process: u32,
    next_description: u64,
}

#[derive(Debug, Default)]
struct Process {
    dead: bool,
    /// The open file description of each descriptor.
    descriptors: BTreeMap<u32, u64>,
    /// How many descriptors it may have.
    descriptors_max: Option<usize>,
}

/// An open file description, which forked processes share.
#[derive(Debug)]
struct Description {
    node: NodeId,
    position: u64,
    writable: bool,
    /// Whether anything was written to it.
    written: bool,
    lock: Option<LockMode>,
    descriptors: u32,
}

/// The process that holds a lock, as seen by one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The process that asks.
    Itself,
    /// Another one.
    Another,
}

impl Kernel {
    pub(crate) fn new(storage: Storage, options: SimOptions) -> Self {
        Self {
            storage,
            steps: None,
            processes: BTreeMap::new(),
            opened: BTreeMap::new(),
            clock: Duration::ZERO,
            random: Random::new(options.seed),
            next_process: 1,
            next_description: 1,
            options,
        }
    }

    pub(crate) fn clock(&self) -> Duration {
        self.clock
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.clock = self.clock.saturating_add(span).min(END_OF_TIME);
    }

    /// The time that a process reads.
    pub(crate) fn now(&mut self, process: u32) -> Duration {
        if self.check_alive(process).is_err() {
            return END_OF_TIME;
        }
        self.pass(TICK);
        self.clock
    }

    pub(crate) fn start(&mut self) -> u32 {
        let id = self.next_process;
        self.next_process += 1;
        let descriptors_max = self.options.open_files_max;
        let process = Process {
            descriptors_max,
            ..Process::default()
        };
        self.processes.insert(id, process);
        id
    }

    /// A child with the same open files.
    pub(crate) fn fork(&mut self, parent: u32) -> Result<u32, Errno> {
        self.check_alive(parent)?;
        let descriptors = self.process(parent)?.descriptors.clone();
        for description in descriptors.values() {
            if let Some(description) = self.opened.get_mut(description) {
                description.descriptors += 1;
            }
        }
        let child = self.start();
        self.process(child)?.descriptors = descriptors;
        Ok(child)
    }

    /// Ends a process at once: its files are closed and its locks released, nothing else happens.
    pub(crate) fn kill(&mut self, process: u32) {
        let Ok(killed) = self.process(process) else {
            return;
        };
        killed.dead = true;
        for description in std::mem::take(&mut killed.descriptors).into_values() {
            self.let_go(description);
        }
    }

    pub(crate) fn limit_descriptors(&mut self, process: u32, limit: Option<usize>) {
        if let Ok(process) = self.process(process) {
            process.descriptors_max = limit;
        }
    }

    pub(crate) fn descriptors(&self, process: u32) -> usize {
        self.processes
            .get(&process)
            .map_or(0, |process| process.descriptors.len())
    }

    pub(crate) fn check_alive(&self, process: u32) -> Result<(), Errno> {
        match self.processes.get(&process) {
            Some(process) if !process.dead => Ok(()),
            _ => Err(Errno::BADF),
        }
    }

    /// Whether one more descriptor can be had; the kernel asks before it looks at the name.
    pub(crate) fn check_descriptors(&mut self, process: u32) -> Result<(), Errno> {
        let process = self.process(process)?;
        match process.descriptors_max {
            Some(max) if process.descriptors.len() >= max => Err(Errno::MFILE),
            _ => Ok(()),
        }
    }

    /// Opens a node: the lowest descriptor that is free.
    pub(crate) fn open(
        &mut self,
        process: u32,
        node: NodeId,
        writable: bool,
    ) -> Result<u32, Errno> {
        self.check_descriptors(process)?;
        self.storage.opened(node)?;
        let description = self.next_description;
        self.next_description += 1;
        let opened = Description {
            node,
            position: 0,
            writable,
            written: false,
            lock: None,
            descriptors: 1,
        };
        self.opened.insert(description, opened);
        let descriptors = &mut self.process(process)?.descriptors;
        let taken = descriptors
            .keys()
            .zip(0..)
            .take_while(|(taken, free)| *taken == free);
        let lowest = u32::try_from(taken.count()).map_err(|_| Errno::MFILE)?;
        descriptors.insert(lowest, description);
        Ok(lowest)
    }

    pub(crate) fn close(&mut self, process: u32, descriptor: u32) {
        let description = self
            .process(process)
            .ok()
            .and_then(|process| process.descriptors.remove(&descriptor));
        if let Some(description) = description {
            self.let_go(description);
        }
    }

    /// The node behind a descriptor.
    pub(crate) fn node_of(&mut self, process: u32, descriptor: u32) -> Result<NodeId, Errno> {
        Ok(self.description(process, descriptor)?.node)
    }

    pub(crate) fn read(
        &mut self,
        process: u32,
        descriptor: u32,
        buffer: &mut [u8],
    ) -> Result<usize, Errno> {
        let Description { node, position, .. } = *self.description(process, descriptor)?;
        let count = self.storage.read(node, position, buffer)?;
        self.description(process, descriptor)?.position += count as u64;
        Ok(count)
    }

    pub(crate) fn write(
        &mut self,
        process: u32,
        descriptor: u32,
        bytes: &[u8],
    ) -> Result<usize, Errno> {
        let clock = self.clock;
        let description = self.description(process, descriptor)?;
        if !description.writable {
            return Err(Errno::BADF);
        }
        let Description { node, position, .. } = *description;
        let count = self.storage.write(node, position, bytes, clock)?;
        let description = self.description(process, descriptor)?;
        description.position += count as u64;
        description.written = true;
        Ok(count)
    }

    /// What was written to a file is on the disk, or with the server, so that no close can lose it.
    pub(crate) fn synced(&mut self, process: u32, descriptor: u32) {
        if let Ok(description) = self.description(process, descriptor) {
            description.written = false;
        }
    }

    /// The node behind a descriptor that was written to and not synced since.
    pub(crate) fn written(&mut self, process: u32, descriptor: u32) -> Option<NodeId> {
        let description = self.description(process, descriptor).ok()?;
        description.written.then_some(description.node)
    }

    /// `flock` without blocking. As on Linux, a lock that is to be converted is given up first, so
    /// that it is lost when the conversion fails.
    pub(crate) fn lock(
        &mut self,
        process: u32,
        descriptor: u32,
        mode: Option<LockMode>,
    ) -> Result<(), Errno> {
        let nfs_locks = self.options.nfs_locks;
        let description = self.description(process, descriptor)?;
        let node = description.node;
        if nfs_locks && mode == Some(LockMode::Exclusive) && !description.writable {
            return Err(Errno::BADF);
        }
        if description.lock == mode {
            return Ok(());
        }
        description.lock = None;
        let excludes = |other: &Description| match (mode, other.lock) {
            (None, _) | (_, None) => false,
            (Some(LockMode::Shared), Some(LockMode::Shared)) => false,
            _ => other.node == node,
        };
        if self.opened.values().any(excludes) {
            return Err(Errno::AGAIN);
        }
        self.description(process, descriptor)?.lock = mode;
        Ok(())
    }

    /// The process that alone holds the lock of the file at a path, from the root directory on:
    /// this one, or another one.
    pub(crate) fn holder(&self, path: &[u8], process: u32) -> Option<Holder> {
        let mut node = Storage::root();
        for name in path.split(|byte| *byte == b'/') {
            node = self.storage.find(node, name).ok()??;
        }
        let (id, _) = self.opened.iter().find(|(_, description)| {
            description.node == node && description.lock == Some(LockMode::Exclusive)
        })?;
        let own = self.processes.get(&process)?.descriptors.values();
        Some(match own.into_iter().any(|description| description == id) {
            true => Holder::Itself,
            false => Holder::Another,
        })
    }

    /// Notes that storage changed, if steps are recorded.
    pub(crate) fn stepped(&mut self, kind: CallKind, call: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step {
                kind,
                call: call(),
                storage: self.storage.clone(),
            });
        }
    }

    pub(crate) fn is_directory(&self, node: NodeId) -> Result<bool, Errno> {
        Ok(matches!(self.storage.node(node)?.body, Body::Directory(_)))
    }

    fn process(&mut self, id: u32) -> Result<&mut Process, Errno> {
        self.processes.get_mut(&id).ok_or(Errno::BADF)
    }

    fn description(&mut self, process: u32, descriptor: u32) -> Result<&mut Description, Errno> {
        self.check_alive(process)?;
        let behind = self.process(process)?.descriptors.get(&descriptor).copied();
        behind
            .and_then(|behind| self.opened.get_mut(&behind))
            .ok_or(Errno::BADF)
    }

    fn let_go(&mut self, id: u64) {
        if let Some(description) = self.opened.get_mut(&id) {
            description.descriptors = description.descriptors.saturating_sub(1);
            if description.descriptors == 0 {
                let node = description.node;
                self.opened.remove(&id);
                self.storage.closed(node);
            }
        }
    }
}
