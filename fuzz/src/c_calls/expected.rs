//! `Expected`: what each call has to answer, by the header, from a map and the state of the host.

use std::ffi::CStr;

use hv_sim::{HostOptions, HostState};
use userdata_capi::called::{Data, Domain, Item, Options, Retrieved};
use userdata_core::file_name::NameFormat;
use userdata_core::{
    DomainKey, Domid, Hypervisor as _, Life, Userid, Uuid, Version, WritableUserid,
};

mod ending;
mod moving;

use super::answer::Answer;
use super::input::{Call, Given, Happening, How, Named, Pointer, Slot};
use crate::model::Model;

const FAIL: i32 = -1;
const INVAL: i32 = -2;
const NO_DOMAIN: i32 = -3;
const DAMAGED: i32 = -5;
const PRECONDITION: i32 = -6;
const LIMIT: i32 = -8;
const PERMISSION: i32 = -9;
const DESTROYING: i32 = -10;
const NO_SPACE: i32 = -14;
const NO_MEMORY: i32 = -17;
const VERSION: i32 = -18;
const CALLBACK: i32 = -19;

/// The length of a file name, but for its domid and its userid.
const NAME_REST: usize = "userdata-d..00000000-0000-0000-0000-000000000000.".len();

#[derive(Clone, Debug)]
pub(super) struct Expected {
    host: HostState,
    values: Model,
    /// The largest value in bytes of each context.
    contexts: [Option<u64>; Slot::COUNT],
    /// The domains that are being destroyed.
    begun: Vec<DomainKey>,
    last_archive: Vec<u8>,
}

/// What a call returns unless it is 0.
type Result<T> = std::result::Result<T, i32>;

impl Expected {
    pub(super) fn new(reports_dying: bool) -> Self {
        let options = HostOptions::new(1).with_spurious_one_in(0);
        Self {
            host: HostState::new(options.with_reports_dying(reports_dying)),
            values: Model::new(NameFormat::Libxl),
            contexts: [None; Slot::COUNT],
            begun: Vec::new(),
            last_archive: Vec::new(),
        }
    }

    pub(super) fn host(&self) -> &HostState {
        &self.host
    }

    pub(super) fn values(&self) -> &Model {
        &self.values
    }

    pub(super) fn last_archive(&self) -> &[u8] {
        &self.last_archive
    }

    pub(super) fn begun(&self) -> usize {
        self.begun.len()
    }

    /// The value that is there, for a store that expects it.
    pub(super) fn there(&self, domain: Domain, userid: Option<&CStr>) -> Option<&Vec<u8>> {
        let userid = Userid::new(userid?.to_bytes()).ok()?;
        let key = self.key_to_read(target(domain).ok()?).ok()?;
        self.values.get(&key, &userid)
    }

    /// An event that cannot happen changes nothing.
    pub(super) fn happen(&mut self, happening: Happening) {
        if let Some(event) = happening.event() {
            let _ = self.host.apply(&event);
        }
    }

    /// What the call answers.
    pub(super) fn answer(&mut self, call: &Call) -> Answer {
        let code = |result: Result<()>| Answer::Code(result.err().unwrap_or_default());
        match call {
            Call::Alloc { slot, how } => {
                let allocated = allocated(how);
                if let Some(context) = self.contexts.get_mut(slot.index()) {
                    *context = allocated.ok();
                }
                code(allocated.map(|_| ()))
            }
            Call::Free { slot } => {
                if let Some(context) = self.contexts.get_mut(slot.index()) {
                    *context = None;
                }
                code(Ok(()))
            }
            Call::Store {
                at,
                domain,
                userid,
                data,
                expect,
            } => {
                let (domain, userid) = (domain.domain(), userid.text());
                let mut many = Vec::new();
                let data = data.data(&mut many);
                let expect = expect
                    .map(|expect| super::digest(expect, self.there(domain, userid.as_deref())));
                let max = self.context(at.pointer());
                code(max.and_then(|max| self.store(max, domain, userid.as_deref(), data, expect)))
            }
            Call::Retrieve {
                at,
                domain,
                userid,
                value,
                length,
            } => {
                let found = self
                    .context(at.pointer())
                    .and_then(|max| self.retrieve(max, domain.domain(), userid, *value));
                let (code, found) = match found {
                    Ok(found) => (0, found),
                    Err(code) => (code, None),
                };
                Answer::Retrieved(Retrieved {
                    code,
                    length: found.as_ref().filter(|_| *length).map_or(0, Vec::len),
                    value: found.filter(|_| *value && *length),
                })
            }
            Call::Remove { at, domain, userid } => {
                let context = self.context(at.pointer());
                code(context.and_then(|_| self.remove(domain.domain(), userid)))
            }
            Call::List { at, domain, place } => {
                let context = self.context(at.pointer());
                let listed = context.and_then(|_| self.list(domain.domain(), *place));
                Answer::Listed(
                    listed.as_ref().err().copied().unwrap_or_default(),
                    listed.ok(),
                )
            }
            Call::Clear { at, domain, flags } => {
                let context = self.context(at.pointer());
                code(context.and_then(|_| self.clear(domain.domain(), flags.bits())))
            }
            Call::Destroy { at, domain, how } => {
                let context = self.context(at.pointer());
                let mut called = None;
                let destroyed =
                    context.and_then(|_| self.destroy(domain.domain(), *how, &mut called));
                let rc = called.and(*how).map_or(0, |how| how.code.into());
                Answer::Destroyed(destroyed.err().unwrap_or_default(), rc, called)
            }
            Call::Begin { at, domain, place } => {
                let context = self.context(at.pointer());
                code(context.and_then(|_| self.begin(domain.domain(), *place)))
            }
            Call::End { which, destroyed } => {
                if self.begun.is_empty() {
                    return code(Ok(()));
                }
                let key = self.begun.remove(usize::from(*which) % self.begun.len());
                code(self.end(key, *destroyed != 0))
            }
            Call::Sweep {
                at,
                options,
                totals,
            } => Answer::Swept(self.sweep(at.pointer(), *options, *totals)),
            Call::Export {
                at,
                domain,
                to,
                flags,
            } => {
                let exported = self
                    .context(at.pointer())
                    .and_then(|max| self.export(max, domain.domain(), *to, flags.bits()));
                match exported {
                    Ok(archive) => {
                        self.last_archive = super::bytes_of(&archive);
                        Answer::Exported(0, Some(archive))
                    }
                    Err(code) => Answer::Exported(code, None),
                }
            }
            Call::Import {
                at,
                domain,
                from,
                flags,
            } => {
                let max = self.context(at.pointer());
                code(max.and_then(|max| self.import(max, domain.domain(), from, flags.bits())))
            }
        }
    }

    fn context(&self, pointer: Pointer) -> Result<u64> {
        match pointer {
            Pointer::Context(slot) => self.contexts.get(slot).copied().flatten().ok_or(INVAL),
            _ => Err(INVAL),
        }
    }

    fn life(&self, key: &DomainKey) -> Result<Option<Life>> {
        let found = self.host.domain(key.domid).map_err(|_| PERMISSION)?;
        Ok(found
            .filter(|found| found.key == *key)
            .map(|found| found.life))
    }

    /// The domain, unless it is dead.
    fn find(&self, (domid, uuid): (Domid, Option<Uuid>)) -> Result<(DomainKey, Life)> {
        let found = self.host.domain(domid).map_err(|_| PERMISSION)?;
        found
            .filter(|found| uuid.is_none_or(|uuid| uuid == found.key.uuid))
            .filter(|found| found.life != Life::Dead)
            .map(|found| (found.key, found.life))
            .ok_or(NO_DOMAIN)
    }

    fn key_to_read(&self, target: (Domid, Option<Uuid>)) -> Result<DomainKey> {
        match target {
            (domid, Some(uuid)) => Ok(DomainKey::new(domid, uuid)),
            _ => Ok(self.find(target)?.0),
        }
    }

    fn find_alive(&self, target: (Domid, Option<Uuid>)) -> Result<DomainKey> {
        match self.find(target)? {
            (key, Life::Alive) => Ok(key),
            _ => Err(DESTROYING),
        }
    }

    /// Whether a store is refused, once the domain is found.
    fn admit(&self, key: &DomainKey) -> Result<()> {
        let begun = self.begun.contains(key);
        match begun || self.host.leaving(key).unwrap_or(true) {
            true => Err(DESTROYING),
            false => Ok(()),
        }
    }

    fn store(
        &mut self,
        max: u64,
        domain: Domain,
        userid: Option<&CStr>,
        data: Data<'_>,
        expect: Option<Option<[u8; 32]>>,
    ) -> Result<()> {
        let target = target(domain)?;
        let userid = WritableUserid::new(userid.ok_or(INVAL)?.to_bytes()).map_err(|_| INVAL)?;
        let data = match data {
            Data::Bytes(bytes) => bytes,
            Data::Null(0) => b"",
            Data::Null(_) => return Err(INVAL),
            Data::TooLong => return Err(LIMIT),
        };
        let key = self.find_alive(target)?;
        if data.len() as u64 > max {
            return Err(LIMIT);
        }
        self.admit(&key)?;
        let there = self.values.get(&key, userid.as_userid());
        match (expect, there) {
            (Some(None), Some(_)) | (Some(Some(_)), None) => return Err(PRECONDITION),
            // It has to be read, and is too long for that.
            (Some(Some(_)), Some(there)) if there.len() as u64 > max => return Err(LIMIT),
            (Some(Some(digest)), Some(there)) if digest != Version::of(there).to_bytes() => {
                return Err(PRECONDITION);
            }
            _ => {}
        }
        self.values.put(&key, userid.as_userid(), data);
        Ok(())
    }

    fn retrieve(
        &self,
        max: u64,
        domain: Domain,
        userid: &Named,
        is_read: bool,
    ) -> Result<Option<Vec<u8>>> {
        let (target, userid) = (target(domain)?, existing(userid)?);
        let key = self.key_to_read(target)?;
        fits(&key, &userid)?;
        match self.values.get(&key, &userid) {
            Some(there) if is_read && there.len() as u64 > max => Err(LIMIT),
            there => Ok(there.cloned()),
        }
    }

    fn remove(&mut self, domain: Domain, userid: &Named) -> Result<()> {
        let (target, userid) = (target(domain)?, existing(userid)?);
        if userid.is_libxl_json() {
            return Err(INVAL);
        }
        let (key, _) = self.find(target)?;
        fits(&key, &userid)?;
        self.values.put(&key, &userid, b"");
        Ok(())
    }

    fn list(&self, domain: Domain, place: Given) -> Result<Vec<Item>> {
        if !place.is() {
            return Err(INVAL);
        }
        let key = self.key_to_read(target(domain)?)?;
        let item = |(userid, data): (&Userid, &Vec<u8>)| Item {
            userid: userid.as_bytes().to_vec(),
            size: data.len() as u64,
            condition: 0,
        };
        Ok(self.values.list(&key).map(item).collect())
    }
}

/// The largest value of a context with these options.
fn allocated(how: &How) -> Result<u64> {
    if !how.place.is() {
        return Err(INVAL);
    }
    if how.api() != 1 {
        return Err(VERSION);
    }
    if how.is_shifted() {
        return Err(INVAL);
    }
    match how.size.of(Options::SIZE) {
        size if size < Options::SIZE => return Err(INVAL),
        size if size > 4096 => return Err(VERSION),
        size if size > Options::SIZE && how.behind != 0 => return Err(VERSION),
        _ => {}
    }
    if how.durability > 2 || how.flags > 1 || how.is_unknown_host() {
        return Err(INVAL);
    }
    if how.is_missing() {
        return Err(FAIL);
    }
    Ok(match how.value_max {
        0 => 1 << 20,
        bytes => bytes.into(),
    })
}

fn target(domain: Domain) -> Result<(Domid, Option<Uuid>)> {
    let domid = Domid::try_from(domain.domid).map_err(|_| NO_DOMAIN)?;
    Ok((domid, domain.uuid.map(Uuid::from_bytes)))
}

/// A userid that a value may have.
fn existing(userid: &Named) -> Result<Userid> {
    let text = userid.text().ok_or(INVAL)?;
    Userid::new(text.to_bytes()).map_err(|_| INVAL)
}

/// Whether there is a file name for it.
fn fits(key: &DomainKey, userid: &Userid) -> Result<()> {
    let domid = key.domid.to_string().len();
    match NAME_REST + domid + userid.as_bytes().len() > 255 {
        true => Err(INVAL),
        false => Ok(()),
    }
}
