//! `World`: a simulated host in a file, a directory, and contexts of the C library.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use hv_sim::{Event, HostState};
use tempfile::TempDir;
use userdata_archive::{Archive, Limits};
use userdata_capi::called::{
    self, At, Closing, Context, Data, Domain, Options, Sightings, SweepOptions,
};
use userdata_core::{DomainKey, Domid, Uuid};

use super::answer::Answer;
use super::expected::Expected;
use super::input::{Call, Destroying, From, How, Pointer, Slot, Sweeping, To, until};

/// A descriptor that is not open.
const CLOSED: i32 = i32::MAX;

#[derive(Debug)]
pub(super) struct World {
    scratch: TempDir,
    hypervisor: CString,
    directory: CString,
    missing: CString,
    contexts: [Option<Context>; Slot::COUNT],
    closings: Vec<Closing>,
    sightings: Option<Sightings>,
}

impl World {
    pub(super) fn new(host: &HostState) -> Self {
        let scratch = super::scratch();
        let path = |name: &str| scratch.path().join(name).as_os_str().as_bytes().to_vec();
        let hypervisor = [b"sim:".to_vec(), path("host")].concat();
        let text = |bytes| CString::new(bytes).unwrap_or_default();
        let world = Self {
            hypervisor: text(hypervisor),
            // The one that a null pointer stands for.
            directory: text(path("host.userdata")),
            missing: text(path("missing")),
            contexts: [const { None }; Slot::COUNT],
            closings: Vec::new(),
            sightings: Sightings::alloc(),
            scratch,
        };
        assert!(fs::create_dir(world.values()).is_ok());
        world.set_host(host);
        world
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn values(&self) -> PathBuf {
        self.file("host.userdata")
    }

    /// How many files are in the directory of the values.
    pub(super) fn files(&self) -> Option<usize> {
        fs::read_dir(self.values()).map(Iterator::count).ok()
    }

    pub(super) fn set_host(&self, host: &HostState) {
        assert!(fs::write(self.file("host"), host.to_json()).is_ok());
    }

    /// Frees the contexts.
    pub(super) fn free(&mut self) {
        self.contexts = [const { None }; Slot::COUNT];
    }

    fn at(&self, pointer: Pointer) -> At<'_> {
        let context = |slot: usize| self.contexts.get(slot).and_then(Option::as_ref);
        match pointer {
            Pointer::Context(slot) => context(slot).map_or(At::Null, At::Context),
            Pointer::Shifted(slot) => context(slot).map_or(At::Null, At::Shifted),
            Pointer::Null => At::Null,
            Pointer::Bytes(first) => At::Bytes(first),
        }
    }

    /// Makes the call. `expected` has not made it yet.
    pub(super) fn answer(&mut self, call: &Call, expected: &Expected) -> Answer {
        match call {
            Call::Alloc { slot, how } => {
                let (code, context) = self.alloc(how);
                if let Some(place) = self.contexts.get_mut(slot.index()) {
                    *place = context;
                }
                Answer::Code(code)
            }
            Call::Free { slot } => {
                if let Some(place) = self.contexts.get_mut(slot.index()) {
                    *place = None;
                }
                Answer::Code(0)
            }
            Call::Store {
                at,
                domain,
                userid,
                data,
                expect,
            } => {
                let (domain, userid) = (domain.domain(), userid.text());
                let userid = userid.as_deref();
                let expect =
                    expect.map(|expect| super::digest(expect, expected.there(domain, userid)));
                let mut many = Vec::new();
                let (at, data) = (self.at(at.pointer()), data.data(&mut many));
                Answer::Code(called::store(at, domain, userid, data, expect))
            }
            Call::Retrieve {
                at,
                domain,
                userid,
                value,
                length,
            } => {
                let (at, userid) = (self.at(at.pointer()), userid.text());
                let (domain, userid) = (domain.domain(), userid.as_deref());
                Answer::Retrieved(called::retrieve(at, domain, userid, *value, *length))
            }
            Call::Remove { at, domain, userid } => {
                let (at, userid) = (self.at(at.pointer()), userid.text());
                Answer::Code(called::remove(at, domain.domain(), userid.as_deref()))
            }
            Call::List { at, domain, place } => {
                let (at, place) = (self.at(at.pointer()), place.is());
                let (code, items) = called::list(at, domain.domain(), place);
                Answer::Listed(code, items)
            }
            Call::Clear { at, domain, flags } => {
                let at = self.at(at.pointer());
                Answer::Code(called::clear(at, domain.domain(), flags.bits()))
            }
            Call::Destroy { at, domain, how } => self.destroy(
                self.at(at.pointer()),
                domain.domain(),
                *how,
                expected.host(),
            ),
            Call::Begin { at, domain, place } => {
                let at = self.at(at.pointer());
                let (code, closing) = called::begin(at, domain.domain(), place.is());
                self.closings.extend(closing);
                Answer::Code(code)
            }
            Call::End { .. } if self.closings.is_empty() => Answer::Code(0),
            Call::End { which, destroyed } => {
                let closing = self
                    .closings
                    .remove(usize::from(*which) % self.closings.len());
                Answer::Code(closing.end((*destroyed).into()))
            }
            Call::Sweep {
                at,
                options,
                totals,
            } => {
                let totals = totals.map(|size| size.of(Expected::TOTALS));
                self.sweep(self.at(at.pointer()), *options, totals)
            }
            Call::Export {
                at,
                domain,
                to,
                flags,
            } => self.export(self.at(at.pointer()), domain.domain(), *to, flags.bits()),
            Call::Import {
                at,
                domain,
                from,
                flags,
            } => {
                let (at, last) = (self.at(at.pointer()), expected.last_archive());
                self.import(at, domain.domain(), from, flags.bits(), last)
            }
        }
    }

    fn alloc(&self, how: &How) -> (i32, Option<Context>) {
        let directory = match how.directory {
            _ if how.is_missing() => Some(&*self.missing),
            number => (number % 2 == 0).then_some(&*self.directory),
        };
        let options = Options {
            size: how.size.of(Options::SIZE),
            behind: how.behind,
            shifted: how.is_shifted(),
            hypervisor: Some(how.hypervisor(&self.hypervisor)),
            directory,
            deadline_ms: how.deadline_ms,
            durability: how.durability.into(),
            value_max: how.value_max.into(),
            flags: how.flags.into(),
        };
        called::alloc(how.api(), Some(&options), how.place.is())
    }

    fn destroy(
        &self,
        at: At<'_>,
        domain: Domain,
        how: Option<Destroying>,
        host: &HostState,
    ) -> Answer {
        let mut got = None;
        let mut function = |domid, uuid| {
            let key = DomainKey::new(
                Domid::try_from(domid).unwrap_or(Domid::ZERO),
                Uuid::from_bytes(uuid),
            );
            got = Some(key);
            let uuid = Some(uuid);
            let late = Data::Bytes(b"l");
            let stored = called::store(at, Domain { domid, uuid }, Some(c"late"), late, None);
            assert_eq!(stored, -10, "a store while {key} is being destroyed");
            let mut host = host.clone();
            if let Some(stage) = how.and_then(|how| how.until) {
                let (domid, until) = (key.domid, until(stage));
                let _ = host.apply(&Event::Destroy { domid, until });
                self.set_host(&host);
            }
            how.map_or(0, |how| how.code.into())
        };
        let function = how
            .is_some()
            .then_some(&mut function as called::Destroy<'_>);
        let (code, rc) = called::destroy(at, domain, function);
        Answer::Destroyed(code, rc, got)
    }

    fn sweep(&self, at: At<'_>, options: Option<Sweeping>, totals: Option<usize>) -> Answer {
        let options = options.map(|options| SweepOptions {
            size: options.size.of(SweepOptions::SIZE),
            grace_ms: 0,
            settle_ms: if options.settles { u64::MAX } else { 0 },
            flags: options.flags.into(),
            sightings: self.sightings.as_ref().filter(|_| options.sightings),
        });
        let mut swept = called::sweep(at, options.as_ref(), totals);
        swept.going.sort();
        Answer::Swept(swept)
    }

    fn export(&self, at: At<'_>, domain: Domain, to: To, flags: u32) -> Answer {
        let path = self.file("archive");
        let created = File::create(&path);
        let file = match to {
            To::Full => File::options().write(true).open("/dev/full"),
            To::ReadOnly => File::open(&path),
            _ => created,
        };
        let Ok(file) = file else {
            panic!("{to:?} does not open")
        };
        let fd = match to {
            To::Closed => CLOSED,
            To::Negative => -1,
            _ => file.as_raw_fd(),
        };
        let code = called::export(at, domain, fd, flags);
        let bytes = fs::read(&path).unwrap_or_default();
        if bytes.is_empty() {
            return Answer::Exported(code, None);
        }
        let archive = Archive::read(&*bytes, &Limits::new(u64::MAX));
        assert!(archive.is_ok(), "{archive:?}");
        Answer::Exported(code, archive.ok())
    }

    fn import(&self, at: At<'_>, domain: Domain, from: &From, flags: u32, last: &[u8]) -> Answer {
        let path: &Path = &self.file("archive");
        assert!(fs::write(path, super::archive_of(from, last)).is_ok());
        let file = match from {
            From::WriteOnly => File::options().write(true).open(path),
            _ => File::open(path),
        };
        let Ok(file) = file else {
            panic!("{from:?} does not open")
        };
        let fd = match from {
            From::Closed => CLOSED,
            From::Negative => -1,
            _ => file.as_raw_fd(),
        };
        Answer::Code(called::import(at, domain, fd, flags))
    }
}
