//! Removing the files that no domain can reach: those of other boots, those of killed imports, what
//! killed processes left in the directories of domains, and the trash.
//!
//! A directory goes into the trash with one rename. The trash is then emptied, name by name, so
//! that a call that is broken off, or a process that is killed, leaves less for the next one.

use std::ops::ControlFlow;
use std::time::Duration;

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, Kind};
use userdata_core::hypervisor::BootId;
use userdata_core::store::{Durability, Keep, Operation, Reclaimed, StoreError, StoreErrorKind};

use crate::failure::kind_of;
use crate::listing::unlisted;
use crate::lock::HeldLock;
use crate::tree::reading::keys;
use crate::tree::{BOOT, Boot, STAGE, TRASH, Tree, name_of, open_child};
use crate::uninterrupted::Uninterrupted;
use crate::wait::Timeout;
use crate::{Directory, Errno, FileStore, LockMode, Name};

/// How many levels of directories may be in a directory in the trash: the domains of a boot.
const LEVELS_MAX: u32 = 1;

impl<D: Directory> FileStore<D> {
    /// Removes what no domain can reach, as long as `go_on` returns true.
    pub(crate) fn reclaim_in(
        &self,
        tree: &Tree<D>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Reclaimed, StoreError> {
        let root = &*self.directory;
        let mut reclaimed = Reclaimed::default();
        self.check_boot(tree, Operation::List, TRASH)?;
        self.discard_boots(tree, go_on, &mut reclaimed)?;
        if let Some(boot) = tree.boot(root, Operation::List)? {
            self.discard_stages(tree, boot, go_on, &mut reclaimed)?;
            self.remove_leftovers(tree, boot, go_on, &mut reclaimed)?;
        }
        let Some(trash) = open_child(root, TRASH, Operation::List)? else {
            return Ok(reclaimed);
        };
        let own = trash.own_metadata();
        let own = own.map_err(|errno| unlisted("trash", errno))?;
        let mut emptying = Emptying::new(own.identity.device, go_on, &mut reclaimed);
        emptying.path.push(TRASH.into());
        let listed = trash.list(&mut |name| emptying.remove(&trash, name));
        listed.map_err(|errno| unlisted("trash", errno))?;
        Ok(reclaimed)
    }

    /// Renames the directories of other boots into the trash.
    fn discard_boots(
        &self,
        tree: &Tree<D>,
        go_on: &mut dyn FnMut() -> bool,
        reclaimed: &mut Reclaimed,
    ) -> Result<(), StoreError> {
        let root = &*self.directory;
        let mut others: Vec<Box<[u8]>> = Vec::new();
        let listed = root.list(&mut |name| {
            if name.as_bytes() != &*tree.boot_name && is_boot(name) {
                others.push(name.as_bytes().into());
            }
            ControlFlow::Continue(())
        });
        listed.map_err(|errno| unlisted("the boots", errno))?;
        for other in others {
            if !go_on() {
                break;
            }
            self.throw_away(tree, root, &other, reclaimed)?;
        }
        Ok(())
    }

    /// Renames the directories that killed imports left into the trash. An import that is at work
    /// holds the lock of its directory.
    fn discard_stages(
        &self,
        tree: &Tree<D>,
        boot: &Boot<D>,
        go_on: &mut dyn FnMut() -> bool,
        reclaimed: &mut Reclaimed,
    ) -> Result<(), StoreError> {
        let mut stages: Vec<Box<[u8]>> = Vec::new();
        let listed = boot.directory.list(&mut |name| {
            if name.as_bytes().starts_with(STAGE) {
                stages.push(name.as_bytes().into());
            }
            ControlFlow::Continue(())
        });
        listed.map_err(|errno| unlisted("all domains", errno))?;
        for stage in stages {
            if !go_on() {
                break;
            }
            let opened = match open_child(&boot.directory, &stage, Operation::Remove) {
                Ok(Some(opened)) => opened,
                Ok(None) => continue,
                Err(error) => {
                    reclaimed.failed.push(error);
                    continue;
                }
            };
            if opened.lock_itself(LockMode::Exclusive).is_ok() {
                self.throw_away(tree, &boot.directory, &stage, reclaimed)?;
                let _ = opened.unlock_itself();
            }
        }
        Ok(())
    }

    /// Removes what killed processes left in the directories of this boot's domains: temporary
    /// files, marks that no process holds, and directories without a file. A domain whose lock
    /// another process holds is left to the next call.
    fn remove_leftovers(
        &self,
        tree: &Tree<D>,
        boot: &Boot<D>,
        go_on: &mut dyn FnMut() -> bool,
        reclaimed: &mut Reclaimed,
    ) -> Result<(), StoreError> {
        for domain in keys(boot)? {
            if !go_on() {
                break;
            }
            if !self.has_leftovers(boot, &domain) {
                continue;
            }
            let timeout = Timeout::start(&*self.directory, Duration::ZERO);
            let lock = match HeldLock::acquire_directory(self, tree, &domain, timeout) {
                Ok(lock) => lock,
                Err(error) if error.is_busy() => continue,
                Err(error) => {
                    reclaimed.failed.push(error);
                    continue;
                }
            };
            // Under the lock, every temporary file is one that a killed process left.
            let keep = Keep::AllButStale {
                age: Duration::ZERO,
            };
            let mut lock = lock;
            let cleared = lock.clear(keep, Durability::Process, None);
            let cleared = self.named(&domain, lock.release(cleared, |cleared, _| Ok(cleared)));
            match cleared {
                Ok(cleared) => {
                    reclaimed.records += cleared.others.len() as u64;
                    reclaimed.failed.extend(cleared.failed);
                }
                Err(error) => reclaimed.failed.push(error),
            }
        }
        Ok(())
    }

    /// Whether a domain's directory has no file, or files that killed processes may have left. If
    /// it cannot be read, a sweep of the domain says so.
    fn has_leftovers(&self, boot: &Boot<D>, domain: &DomainKey) -> bool {
        let Ok(Some(view)) = self.view(boot, domain, Operation::List) else {
            return false;
        };
        let is_leftover =
            |name: &FileName| matches!(name.kind(), Kind::Temporary | Kind::New | Kind::Closing);
        let names = view.own_names();
        names.is_ok_and(|names| names.is_empty() || names.iter().any(is_leftover))
    }

    fn throw_away(
        &self,
        tree: &Tree<D>,
        from: &Uninterrupted<D>,
        name: &[u8],
        reclaimed: &mut Reclaimed,
    ) -> Result<(), StoreError> {
        let trash = tree.trash(&self.directory, Operation::Remove)?;
        let drawn = tree.draw(&self.directory)?;
        let to = name_of(drawn.as_bytes(), Operation::Remove)?;
        let name = name_of(name, Operation::Remove)?;
        match from.rename_into(name, trash, to) {
            Ok(()) => {}
            // Another process did it before. If the name is still there, the trash is gone.
            Err(Errno::NOENT) if from.metadata_at(name) == Err(Errno::NOENT) => {}
            Err(errno) => {
                let name = name.as_bytes();
                let error = StoreError::new(Operation::Remove, name, kind_of(errno));
                reclaimed.failed.push(error);
            }
        }
        Ok(())
    }
}

/// Whether this is the name of the directory of a boot.
fn is_boot(name: Name<'_>) -> bool {
    let id = name.as_bytes().strip_prefix(BOOT);
    let id = id.and_then(|id| std::str::from_utf8(id).ok());
    id.is_some_and(|id| id.parse::<BootId>().is_ok())
}

/// The removal of directories with all that is in them: to a bounded depth, without following a
/// link, and on one device.
pub(crate) struct Emptying<'a> {
    go_on: &'a mut dyn FnMut() -> bool,
    reclaimed: &'a mut Reclaimed,
    /// The device of the trash: what is mounted in it is not removed.
    device: u64,
    /// The names of the directories that are being emptied.
    path: Vec<Box<[u8]>>,
    level: u32,
}

impl<'a> Emptying<'a> {
    pub(crate) fn new(
        device: u64,
        go_on: &'a mut dyn FnMut() -> bool,
        reclaimed: &'a mut Reclaimed,
    ) -> Self {
        Self {
            go_on,
            reclaimed,
            device,
            path: Vec::new(),
            level: 0,
        }
    }

    /// Removes what has this name. Breaks if the caller wants no more.
    pub(crate) fn remove<D: Directory>(
        &mut self,
        parent: &Uninterrupted<D>,
        name: Name<'_>,
    ) -> ControlFlow<()> {
        if !(self.go_on)() {
            return ControlFlow::Break(());
        }
        match parent.unlink(name) {
            Ok(()) => self.reclaimed.records += 1,
            Err(Errno::NOENT) => {}
            // For a directory, and, as POSIX has it, if it is not permitted.
            Err(errno @ (Errno::ISDIR | Errno::PERM)) => match parent.open_directory(name) {
                Ok(directory) => return self.remove_directory(parent, name, &directory),
                Err(Errno::NOENT) => {}
                Err(Errno::NOTDIR | Errno::LOOP) => self.fail(name, kind_of(errno)),
                Err(errno) => self.fail(name, kind_of(errno)),
            },
            Err(errno) => self.fail(name, kind_of(errno)),
        }
        ControlFlow::Continue(())
    }

    fn remove_directory<D: Directory>(
        &mut self,
        parent: &Uninterrupted<D>,
        name: Name<'_>,
        directory: &Uninterrupted<D>,
    ) -> ControlFlow<()> {
        match directory.own_metadata() {
            Ok(own) if own.identity.device == self.device => {}
            Ok(_) => {
                self.fail(name, kind_of(Errno::XDEV));
                return ControlFlow::Continue(());
            }
            Err(errno) => {
                self.fail(name, kind_of(errno));
                return ControlFlow::Continue(());
            }
        }
        let failed = self.reclaimed.failed.len();
        if self.level <= LEVELS_MAX {
            self.level += 1;
            self.path.push(name.as_bytes().into());
            let mut flow = ControlFlow::Continue(());
            let listed = directory.list(&mut |inner| {
                flow = self.remove(directory, inner);
                flow
            });
            self.path.pop();
            self.level -= 1;
            if let Err(errno) = listed {
                self.fail(name, kind_of(errno));
            }
            flow?;
        }
        match parent.remove_directory(name) {
            Ok(()) | Err(Errno::NOENT) => {}
            // What is in it is reported.
            Err(Errno::NOTEMPTY) if self.reclaimed.failed.len() > failed => {}
            Err(errno) => self.fail(name, kind_of(errno)),
        }
        ControlFlow::Continue(())
    }

    fn fail(&mut self, name: Name<'_>, kind: StoreErrorKind) {
        let mut path = self.path.join(&b'/');
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        let error = StoreError::new(Operation::Remove, path, kind);
        self.reclaimed.failed.push(error);
    }
}
