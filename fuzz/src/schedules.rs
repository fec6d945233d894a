//! Schedules: a few processes, their calls, the order in which they run, kills, and a power cut.

use std::num::NonZeroUsize;

use arbitrary::{Arbitrary, Unstructured};
use hv_sim::{HostOptions, HostState};
use userdata_core::file_name::NameFormat;
use userdata_core::store::{Durability, Keep};
use userdata_core::{DomainKey, Domid, Uuid, WritableUserid};
use userdata_sim::{SimDisk, SimOptions};
use userdata_simulate::actor::{Request, Task, Whose};
use userdata_simulate::checker::{Checker, HostImage};
use userdata_simulate::scenario::{Role, Scenario, Tracing};
use userdata_simulate::schedule::{Bytes, Ending};

/// The most processes, and the most calls of each.
const PROCESSES_MAX: usize = 3;
const TASKS_MAX: usize = 4;

/// Two userids, of which one is a part of the other.
const USERIDS: [&str; 2] = ["xl", "xl.backup"];

#[derive(Arbitrary, Debug)]
struct Play {
    reports_dying: bool,
    processes: [Vec<Asked>; PROCESSES_MAX],
    schedule: Vec<u8>,
}

/// A call of the facade.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Asked {
    Store(bool),
    StoreIfUnchanged(bool),
    Update(bool),
    Remove(bool),
    Clear { keep: bool },
    Destroy,
    DestroyInVain,
    Retrieve(bool),
    List,
}

/// In whatever order processes run, are killed or lose their power, all of them end, and their
/// history is linearizable.
pub fn schedules(data: &[u8]) {
    let Ok(play) = Play::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let scenario = play.scenario();
    let run = match scenario.run(&mut Bytes::new(&play.schedule), Tracing::Off) {
        Ok(run) => run,
        Err(error) => panic!("{error}"),
    };
    assert_ne!(run.end, Ending::Endless, "{scenario}");
    let options = HostOptions::new(scenario.seed)
        .with_spurious_one_in(0)
        .with_reports_dying(scenario.reports_dying);
    let before = HostImage {
        host: HostState::new(options),
        tree: SimDisk::new(SimOptions::default()).tree(),
    };
    let after = HostImage {
        host: run.host,
        tree: run.storage.tree(),
    };
    let checker = Checker {
        history: &run.history,
        format: NameFormat::Libxl,
        before: &before,
        seen: &[],
        after: (run.end == Ending::Quiet).then_some(&after),
        storage: Some(&run.storage),
    };
    match checker.check() {
        Ok(checked) => {
            if let Some(complaint) = checked.complaints.first() {
                panic!("{complaint}\n{scenario}\n{}", run.history);
            }
        }
        Err(error) => panic!("{error}"),
    }
}

impl Play {
    fn scenario(&self) -> Scenario {
        let mut scenario = Scenario::new([domain()]);
        scenario.reports_dying = self.reports_dying;
        scenario.block = NonZeroUsize::new(8);
        let mut number = 0_u32;
        for asked in &self.processes {
            let tasks = asked.iter().take(TASKS_MAX).filter_map(|asked| {
                number += 1;
                // No two values are equal, so a value shows which call stored it.
                let value = format!("value {number}");
                let request = asked.request(value.into_bytes())?;
                Some(Task::Userdata(Whose::Exactly(domain()), request))
            });
            scenario = scenario.with(Role::Library, tasks.collect::<Vec<_>>());
        }
        scenario
    }
}

impl Asked {
    fn request(self, value: Vec<u8>) -> Option<Request> {
        let durability = Durability::Full;
        Some(match self {
            Self::Store(other) => Request::Store(userid(other)?, value, durability),
            Self::StoreIfUnchanged(other) => {
                Request::StoreIfUnchanged(userid(other)?, value, durability)
            }
            Self::Update(other) => Request::Update(userid(other)?, value, durability),
            Self::Remove(other) => Request::Remove(userid(other)?, durability),
            Self::Clear { keep } => {
                let what = match keep {
                    true => Keep::Essential,
                    false => Keep::Nothing,
                };
                Request::Clear(what, durability)
            }
            Self::Destroy => Request::Destroy(durability),
            Self::DestroyInVain => Request::DestroyInVain,
            Self::Retrieve(other) => Request::Retrieve(userid(other)?),
            Self::List => Request::List,
        })
    }
}

fn userid(other: bool) -> Option<WritableUserid> {
    let text = USERIDS.get(usize::from(other))?;
    WritableUserid::new(text).ok()
}

fn domain() -> DomainKey {
    // Invariant: five is a domid.
    let domid = Domid::new(5).unwrap_or(Domid::ZERO);
    DomainKey::new(
        domid,
        Uuid::from_u128(0x11111111_2222_3333_4444_abcdef555555),
    )
}
