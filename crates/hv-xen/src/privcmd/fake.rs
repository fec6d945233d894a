//! A scripted hypervisor of any release: it reads requests and writes answers byte by byte, with its
//! own offsets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use super::Privcmd;
use super::hypercall::{Hypercall, Refusal};
use crate::abi::{Arch, RELEASES, domctl, sysctl};

/// A domain of the fake; its uuid is 16 times the byte `handle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FakeDomain {
    pub(crate) domid: u16,
    pub(crate) handle: u8,
    pub(crate) life: FakeLife,
    pub(crate) unique_id: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FakeLife {
    Running,
    Dying,
    Dead,
}

/// The script of the fake, and a count of its calls.
#[derive(Debug)]
pub(crate) struct FakeXen {
    pub(crate) minor: u32,
    pub(crate) arch: Arch,
    pub(crate) domctl_version: u32,
    pub(crate) sysctl_version: u32,
    pub(crate) domains: Vec<FakeDomain>,
    /// The domains after each further list call.
    pub(crate) then: VecDeque<Vec<FakeDomain>>,
    /// The domains that a security policy hides.
    pub(crate) hidden: Vec<u16>,
    pub(crate) refuse_domctl: Option<Errno>,
    pub(crate) refuse_state: Option<Errno>,
    pub(crate) refuse_sysctl: Option<Errno>,
    /// Whether every domain dies right after its record was read.
    pub(crate) dies_after_record: bool,
    /// How many of the next calls can't reach their buffers.
    pub(crate) faults: u32,
    pub(crate) calls: u32,
}

impl FakeXen {
    /// Xen `4.minor` on x86_64 with domain 0 and these domains.
    pub(crate) fn new(minor: u32, domids: impl IntoIterator<Item = u16>) -> Self {
        let number = minor.clamp(10, 22);
        let release = RELEASES
            .iter()
            .find(|r| u32::from(r.version.minor) == number)
            .unwrap();
        Self {
            minor,
            arch: Arch::X86_64,
            domctl_version: release.domctl,
            sysctl_version: release.sysctl,
            domains: domains([0].into_iter().chain(domids)),
            then: VecDeque::new(),
            hidden: Vec::new(),
            refuse_domctl: None,
            refuse_state: None,
            refuse_sysctl: None,
            dies_after_record: false,
            faults: 0,
            calls: 0,
        }
    }

    /// The backend on this hypervisor, and a handle on the hypervisor for the test.
    pub(crate) fn open(
        self,
    ) -> (
        Result<Privcmd, userdata_core::hypervisor::HypervisorError>,
        Arc<Mutex<Self>>,
    ) {
        let arch = self.arch;
        let fake = Arc::new(Mutex::new(self));
        (Privcmd::over(Box::new(Arc::clone(&fake)), arch), fake)
    }

    fn called(&mut self) -> Result<(), Errno> {
        self.calls += 1;
        if self.faults > 0 {
            self.faults -= 1;
            return Err(Errno::FAULT);
        }
        Ok(())
    }

    fn stride(&self) -> usize {
        let (x86_64, arm64) = match self.minor {
            ..=10 => (96, 96),
            11..=15 => (104, 112),
            _ => (112, 120),
        };
        if self.arch == Arch::X86_64 {
            x86_64
        } else {
            arm64
        }
    }

    fn domctl(&mut self, mut op: [u8; 144]) -> Result<[u8; 144], Errno> {
        self.called()?;
        let (command, version) = (u32_of(&op[0..4]), u32_of(&op[4..8]));
        let asked = u16::from_le_bytes([op[8], op[9]]);
        match command {
            5 if version == self.domctl_version => {
                self.refuse_domctl.map_or(Ok(()), Err)?;
                let next_too = self.minor <= 17;
                let fits = |d: &&FakeDomain| d.domid == asked || next_too && d.domid > asked;
                let domain = *self.domains.iter().find(fits).ok_or(Errno::SRCH)?;
                self.permitted(domain.domid)?;
                op[8..10].copy_from_slice(&domain.domid.to_le_bytes());
                op[16..112].copy_from_slice(&record(&domain));
                if self.dies_after_record {
                    self.domains
                        .iter_mut()
                        .for_each(|d| d.life = FakeLife::Dead);
                }
                Ok(op)
            }
            90 if version == 0 && self.minor >= 21 => {
                self.refuse_state.map_or(Ok(()), Err)?;
                assert!(asked < 0x7ff0, "the polling form steals xenstored's events");
                let domain = self.domains.iter().find(|d| d.domid == asked);
                let domain = domain.ok_or(Errno::SRCH)?;
                self.permitted(domain.domid)?;
                op[16] = match domain.life {
                    FakeLife::Running => 1,
                    FakeLife::Dying => 1 | 4,
                    FakeLife::Dead => 1 | 4 | 8,
                };
                op[24..32].copy_from_slice(&domain.unique_id.to_le_bytes());
                Ok(op)
            }
            5 | 90 => Err(Errno::ACCESS),
            other => panic!("unexpected command {other}"),
        }
    }

    fn sysctl(&mut self, op: &mut [u8; 136], room: usize) -> Result<Vec<u8>, Errno> {
        self.called()?;
        assert_eq!(u32_of(&op[0..4]), 6);
        if u32_of(&op[4..8]) != self.sysctl_version {
            return Err(Errno::ACCESS);
        }
        self.refuse_sysctl.map_or(Ok(()), Err)?;
        let (first, max) = (u16::from_le_bytes([op[8], op[9]]), u32_of(&op[12..16]));
        let mut records = Vec::new();
        let mut count = 0_u32;
        for domain in self.domains.iter().filter(|d| d.domid >= first) {
            if count == max {
                break;
            }
            if self.permitted(domain.domid).is_ok() {
                records.extend(record(domain));
                records.resize((count as usize + 1) * self.stride(), 0xee);
                count += 1;
            }
        }
        assert!(
            records.len() <= room,
            "the hypervisor would write past the buffer"
        );
        records.resize(room, 0);
        op[24..28].copy_from_slice(&count.to_le_bytes());
        if let Some(domains) = self.then.pop_front() {
            self.domains = domains;
        }
        Ok(records)
    }

    fn permitted(&self, domid: u16) -> Result<(), Errno> {
        if self.hidden.contains(&domid) {
            Err(Errno::ACCESS)
        } else {
            Ok(())
        }
    }
}

impl Hypercall for Arc<Mutex<FakeXen>> {
    fn xen_version(&self) -> Result<u32, Refusal> {
        let mut fake = self.lock().unwrap();
        fake.called().map_err(Refusal::Hypervisor)?;
        Ok(4 << 16 | fake.minor)
    }

    fn domctl(&self, request: &domctl::Request) -> Result<[u8; domctl::SIZE], Refusal> {
        self.lock()
            .unwrap()
            .domctl(*request.bytes())
            .map_err(Refusal::Hypervisor)
    }

    fn sysctl(&self, request: &sysctl::Request) -> Result<sysctl::Answer, Refusal> {
        let mut op = request.to_buffer(0x7f00_0000_0000);
        assert_eq!(op[16..24], 0x7f00_0000_0000_u64.to_le_bytes());
        let records = self.lock().unwrap().sysctl(&mut op, request.records_len());
        Ok(sysctl::Answer::new(
            op,
            records.map_err(Refusal::Hypervisor)?,
        ))
    }
}

/// Running domains with these domids.
pub(crate) fn domains(domids: impl IntoIterator<Item = u16>) -> Vec<FakeDomain> {
    let domain = |domid: u16| FakeDomain {
        domid,
        handle: domid.to_le_bytes()[0],
        life: FakeLife::Running,
        unique_id: 1_000_000 + u64::from(domid),
    };
    domids.into_iter().map(domain).collect()
}

/// The first 96 bytes of a record.
fn record(domain: &FakeDomain) -> [u8; 96] {
    let mut record = [0xdd; 96];
    record[0..2].copy_from_slice(&domain.domid.to_le_bytes());
    let flags = match domain.life {
        FakeLife::Running => 1_u32 << 5,
        FakeLife::Dying => 1 << 3,
        FakeLife::Dead => 1 | 1 << 3,
    };
    record[4..8].copy_from_slice(&flags.to_le_bytes());
    record[76..92].fill(domain.handle);
    record
}

fn u32_of(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().unwrap())
}
