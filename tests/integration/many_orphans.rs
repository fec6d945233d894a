//! A sweep of many files: how often it reads the directory, and in which order it asks the
//! hypervisor.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use hv_sim::{HostOptions, NewDomain, SimHost};
use userdata::hypervisor::{BootId, HypervisorError};
use userdata::sweep::{Sightings, SweepOptions, SweepTotals};
use userdata::{Domain, DomainKey, Domid, Hypervisor, Userdata, Uuid};
use userdata_core::file_name::{FileName, NameFormat};
use userdata_fs::{FileStore, OsDirectory};
use userdata_sim::interpose::{Call, Interceptor, Interposed, Verdict};

use crate::place::Place;

const USERIDS: [&str; 5] = ["xl", "libxl-json", "libvirt-xml", "agent", "console"];

/// One step of a sweep that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The directory was read.
    Read,
    /// The hypervisor was asked for its list.
    Asked,
    /// It was asked about the domain of this domid.
    AskedFor(Domid),
    /// A value of the domain of this domid was removed.
    Removed(Domid),
}

/// The steps of a sweep in their order.
#[derive(Clone, Debug, Default)]
struct Steps(Arc<Mutex<Vec<Step>>>);

impl Steps {
    fn push(&self, step: Step) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        steps.push(step);
    }

    fn take(&self) -> Vec<Step> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Interceptor for Steps {
    fn before(&self, _: u32, call: &Call<'_>) -> Verdict {
        match call {
            Call::List => self.push(Step::Read),
            Call::Unlink { name } => {
                let name = FileName::parse(NameFormat::Libxl, name.as_bytes()).unwrap();
                if name.as_bytes().starts_with(b"userdata-d.") {
                    self.push(Step::Removed(name.owner().key().unwrap().domid));
                }
            }
            _ => {}
        }
        Verdict::Proceed
    }
}

/// A host that notes what it is asked.
struct Noting(SimHost, Steps);

impl Hypervisor for Noting {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        self.1.push(Step::AskedFor(domid));
        self.0.domain(domid)
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.1.push(Step::Asked);
        self.0.domains()
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.0.leaving(domain)
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.0.boot()
    }
}

/// Makes five files for each of `domains` domains. Every second one lives on this host, and the
/// others do not exist. Returns the domids of the latter.
fn fill(path: &Path, host: &SimHost, domains: u16) -> BTreeSet<Domid> {
    let mut orphans = BTreeSet::new();
    for number in 0..domains {
        let domid = Domid::new(number + 1).unwrap();
        let uuid = Uuid::from_u128(u128::from(number) + 1);
        let mut key = DomainKey::new(domid, uuid);
        if number % 2 == 0 {
            let new = NewDomain::new().with_domid(domid);
            key = host.create(new).unwrap();
        } else {
            orphans.insert(domid);
        }
        for userid in USERIDS {
            fs::write(path.join(format!("userdata-d.{key}.{userid}")), "x").unwrap();
        }
    }
    orphans
}

fn sweep(path: &Path, host: &SimHost, options: &SweepOptions) -> (SweepTotals, Vec<Step>) {
    let steps = Steps::default();
    let directory = Interposed::new(OsDirectory::open(path).unwrap(), steps.clone());
    let userdata = Userdata::new(
        Noting(host.clone(), steps.clone()),
        FileStore::new(directory),
    );
    let totals = userdata.sweep(options, &mut Sightings::new(), |_| ());
    (totals.unwrap(), steps.take())
}

#[test]
fn many_files_are_read_twice_and_each_orphan_asked_for_once() {
    let scratch = Place::all().pop().unwrap().scratch();
    let host = SimHost::new(HostOptions::new(1));
    let orphans = fill(scratch.path(), &host, 20_000);
    assert_eq!(orphans.len(), 10_000);

    let mut options = SweepOptions::default();
    options.dry_run = true;
    let (totals, steps) = sweep(scratch.path(), &host, &options);
    assert_eq!((totals.orphans, totals.removed), (10_000, 50_000));
    assert_eq!(count(&steps, |step| step == Step::Read), 2);
    assert_eq!(count(&steps, is_look_up), 10_000);
    assert_eq!(count(&steps, is_removal), 0);

    let (totals, steps) = sweep(scratch.path(), &host, &SweepOptions::default());
    assert_eq!(
        (totals.records, totals.removed, totals.failed),
        (100_000, 50_000, 0)
    );
    assert_eq!(count(&steps, |step| step == Step::Read), 2);
    assert_eq!(count(&steps, |step| step == Step::Asked), 1);
    assert_eq!(count(&steps, is_look_up), 10_000);
    assert_eq!(count(&steps, is_removal), 50_000);
    // The look-up of Domain-0 and the list come after the directory was read, and before anything
    // is removed.
    let zero = Step::AskedFor(Domid::ZERO);
    assert_eq!(steps[..4], [Step::Read, zero, Step::Asked, Step::Read]);
    let mut asked_for = None;
    for step in &steps {
        match step {
            Step::AskedFor(domid) if *domid != Domid::ZERO => {
                assert!(orphans.contains(domid), "{domid} lives");
                asked_for = Some(*domid);
            }
            Step::Removed(domid) => assert_eq!(asked_for, Some(*domid)),
            _ => {}
        }
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 50_000);
}

fn count(steps: &[Step], which: impl Fn(Step) -> bool) -> usize {
    steps.iter().filter(|step| which(**step)).count()
}

fn is_look_up(step: Step) -> bool {
    matches!(step, Step::AskedFor(domid) if domid != Domid::ZERO)
}

const fn is_removal(step: Step) -> bool {
    matches!(step, Step::Removed(_))
}
