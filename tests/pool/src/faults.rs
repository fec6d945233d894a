//! Real histories: eight clients change and read values while members are killed and stopped. The
//! simulation's own checker judges what they were told.

use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use userdata_core::file_name::NameFormat;
use userdata_core::store::{Durability, Expect};
use userdata_core::{DomainKey, Version, WritableUserid};
use userdata_sim::crash::Tree;
use userdata_sim::random::Random;
use userdata_simulate::checker::{Checker, HostImage};
use userdata_simulate::walk::{Action, Slot};

use crate::cluster::{Cluster, MEMBERS};
use crate::host::{Host, TIMEOUT, uuid};
use crate::interrupt;
use crate::recorder::{Recorded, Recorder};
use crate::rig::{Rig, pause};

const CLIENTS: u64 = 8;
const DOMAINS: u128 = 3;
const USERIDS: u64 = 4;

/// How many changes must be acknowledged.
const CHANGES: usize = 1000;

/// How many lines of a complaint are shown: the file of the history has the operations.
const COMPLAINT: usize = 8;

/// How far a call may go beyond its deadline.
const LATE: Duration = Duration::from_millis(200);

/// How soon changes are acknowledged again when a leader has died and a quorum lives.
const AGAIN: Duration = Duration::from_secs(5);

/// How long a trial may wait for its changes.
const LONGEST: Duration = Duration::from_secs(120);

/// Makes faults, and returns the moments from which on a quorum lived again.
type Faults = fn(&mut Scene<'_>) -> Result<Vec<Instant>>;

/// The cluster, and those that use it.
struct Scene<'a> {
    cluster: Cluster,
    host: &'a Host,
    slots: &'a [Slot],
    recorder: &'a Recorder,
    /// Whether the clients begin no further call.
    held: &'a AtomicBool,
}

pub(crate) fn leader_killed(rig: &Rig) -> Result<String> {
    trial(rig, |scene| {
        let leader = scene.cluster.leader()?;
        scene.cluster.kill(leader)?;
        let died = Instant::now();
        pause(Duration::from_secs(4))?;
        scene.cluster.restart(leader)?;
        scene.cluster.wait_until_all_answer()?;
        Ok(vec![died])
    })
}

pub(crate) fn leader_and_a_follower_killed(rig: &Rig) -> Result<String> {
    trial(rig, |scene| {
        let leader = scene.cluster.leader()?;
        killed_for(&mut scene.cluster, &[leader, (leader + 1) % MEMBERS], 6)
    })
}

pub(crate) fn both_followers_killed(rig: &Rig) -> Result<String> {
    trial(rig, |scene| {
        let leader = scene.cluster.leader()?;
        let followers = [(leader + 1) % MEMBERS, (leader + 2) % MEMBERS];
        for follower in followers {
            scene.cluster.kill(follower)?;
        }
        pause(Duration::from_secs(4))?;
        // What the leader took alone may be made now. Each value is read before it is replaced.
        scene.held.store(true, Ordering::SeqCst);
        pause(TIMEOUT + LATE)?;
        for follower in followers {
            scene.cluster.restart(follower)?;
        }
        scene.cluster.wait_until_all_answer()?;
        scene.read_through_each_member()?;
        scene.held.store(false, Ordering::SeqCst);
        Ok(vec![Instant::now()])
    })
}

pub(crate) fn all_killed(rig: &Rig) -> Result<String> {
    trial(rig, |scene| killed_for(&mut scene.cluster, &[0, 1, 2], 3))
}

pub(crate) fn three_leaders_killed(rig: &Rig) -> Result<String> {
    trial(rig, |scene| {
        let mut died = Vec::new();
        for _ in 0..3 {
            let leader = scene.cluster.leader()?;
            scene.cluster.kill(leader)?;
            died.push(Instant::now());
            pause(Duration::from_secs(3))?;
            scene.cluster.restart(leader)?;
            scene.cluster.wait_until_all_answer()?;
        }
        Ok(died)
    })
}

pub(crate) fn leader_stopped(rig: &Rig) -> Result<String> {
    trial(rig, |scene| {
        let leader = scene.cluster.leader()?;
        scene.cluster.stop(leader)?;
        let stopped = Instant::now();
        pause(Duration::from_secs(6))?;
        scene.cluster.go_on(leader)?;
        scene.cluster.wait_until_all_answer()?;
        Ok(vec![stopped])
    })
}

fn killed_for(cluster: &mut Cluster, members: &[usize], seconds: u64) -> Result<Vec<Instant>> {
    for &member in members {
        cluster.kill(member)?;
    }
    pause(Duration::from_secs(seconds))?;
    for &member in members {
        cluster.restart(member)?;
    }
    cluster.wait_until_all_answer()?;
    Ok(vec![Instant::now()])
}

/// Runs the clients, makes the faults, and judges what was seen.
fn trial(rig: &Rig, faults: Faults) -> Result<String> {
    let cluster = rig.cluster()?;
    let host = Host::joined(&cluster, "a")?;
    let domains = (0..DOMAINS)
        .map(|number| host.create(uuid(number)))
        .collect::<Result<Vec<_>>>()?;
    let before = HostImage {
        host: host.xen.state(),
        tree: Tree::default(),
    };
    let clients = (0..CLIENTS)
        .map(|_| host.client(&cluster.endpoints()))
        .collect::<Result<Vec<_>>>()?;
    let (slots, recorder) = (slots(&domains)?, Recorder::default());
    let (ended, held) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut scene = Scene {
        cluster,
        host: &host,
        slots: &slots,
        recorder: &recorder,
        held: &held,
    };
    let moments = thread::scope(|scope| {
        for (number, client) in (0..).zip(&clients) {
            let (slots, recorder, ended, held) = (&slots, &recorder, &ended, &held);
            scope.spawn(move || work(number, client, slots, recorder, ended, held));
        }
        let moments = scene.disturb(faults);
        ended.store(true, Ordering::SeqCst);
        moments
    })?;
    scene.read_through_each_member()?;
    let recorded = recorder.into_recorded();
    fs::write(rig.kept("history"), recorded.history.to_string())?;
    judge(&recorded, &before, &moments)
}

impl Scene<'_> {
    /// Lets the clients work, makes the faults, and lets them work on.
    fn disturb(&mut self, faults: Faults) -> Result<Vec<Instant>> {
        pause(Duration::from_secs(1))?;
        let moments = faults(self)?;
        pause(AGAIN)?;
        let started = Instant::now();
        while self.recorder.acknowledged() < CHANGES {
            ensure!(
                started.elapsed() < LONGEST,
                "only {} changes were acknowledged",
                self.recorder.acknowledged()
            );
            pause(Duration::from_millis(100))?;
        }
        Ok(moments)
    }

    /// Reads each value through each member.
    fn read_through_each_member(&self) -> Result<()> {
        for endpoint in self.cluster.endpoints() {
            let reader = self.host.client(&[endpoint])?;
            let mut client = self.recorder.client();
            for slot in self.slots {
                let slot = slot.clone();
                client.perform(&reader, Action::Retrieve { slot });
            }
        }
        Ok(())
    }
}

fn slots(domains: &[DomainKey]) -> Result<Vec<Slot>> {
    let mut slots = Vec::new();
    for &domain in domains {
        for number in 0..USERIDS {
            let userid = WritableUserid::new(format!("agent{number}"))?;
            slots.push(Slot { domain, userid });
        }
    }
    Ok(slots)
}

/// What one client does until the trial ends.
fn work(
    number: u64,
    host: &Host,
    slots: &[Slot],
    recorder: &Recorder,
    ended: &AtomicBool,
    held: &AtomicBool,
) {
    let (mut random, mut client) = (Random::new(number), recorder.client());
    let mut last: Vec<Option<Vec<u8>>> = vec![None; slots.len()];
    for count in 0_u64.. {
        if ended.load(Ordering::SeqCst) || interrupt::came() {
            return;
        }
        while held.load(Ordering::SeqCst) && !ended.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        let at = usize::try_from(random.below(slots.len() as u128)).unwrap_or_default();
        let (Some(slot), Some(last)) = (slots.get(at), last.get_mut(at)) else {
            return;
        };
        let (slot, value) = (slot.clone(), format!("{number}-{count}").into_bytes());
        let durability = Durability::Full;
        let action = match random.below(10) {
            0..=3 => Action::Store {
                slot,
                value: value.clone(),
                durability,
            },
            4 => Action::Remove { slot, durability },
            5..=6 => Action::StoreIf {
                slot,
                value: value.clone(),
                expect: match last {
                    Some(last) => Expect::Version(Version::of(last)),
                    None => Expect::Absent,
                },
                durability,
            },
            _ => Action::Retrieve { slot },
        };
        if matches!(action, Action::Store { .. } | Action::StoreIf { .. }) {
            *last = Some(value);
        }
        client.perform(host, action);
    }
}

fn judge(recorded: &Recorded, before: &HostImage, moments: &[Instant]) -> Result<String> {
    let checker = Checker {
        history: &recorded.history,
        format: NameFormat::Libxl,
        before,
        seen: &[],
        after: None,
        storage: None,
    };
    let checked = checker.check().context("the history is malformed")?;
    let mut problems = String::new();
    for complaint in &checked.complaints {
        let text = complaint.to_string();
        let lines: Vec<&str> = text.lines().take(COMPLAINT).collect();
        writeln!(problems, "{}", lines.join("\n"))?;
    }
    if let Some(unexpected) = &recorded.unexpected {
        writeln!(problems, "unexpected: {unexpected}")?;
    }
    if recorded.longest > TIMEOUT + LATE {
        writeln!(problems, "a call took {:?}", recorded.longest)?;
    }
    if checked.tally.too_many_at_once > 0 {
        writeln!(problems, "a register had too many calls at once")?;
    }
    let Some(longest_wait) = longest_wait(&recorded.acknowledged, moments) else {
        bail!("{problems}no change was acknowledged after a fault");
    };
    if longest_wait > AGAIN {
        writeln!(
            problems,
            "changes were made again after {longest_wait:?} only"
        )?;
    }
    ensure!(problems.is_empty(), "{}", problems.trim_end());
    Ok(format!(
        "{} operations, {} changes acknowledged, {} failed, {} unknown; longest call {:.2} s, \
         changes again after {:.2} s",
        checked.tally.operations,
        recorded.acknowledged.len(),
        recorded.failed,
        recorded.unknown,
        recorded.longest.as_secs_f64(),
        longest_wait.as_secs_f64(),
    ))
}

/// The longest time without an acknowledged change, from the first of these moments on; `None` if
/// there was no change after the last one.
fn longest_wait(acknowledged: &[Instant], moments: &[Instant]) -> Option<Duration> {
    let (first, last) = (moments.iter().min()?, moments.iter().max()?);
    let mut all: Vec<Instant> = acknowledged
        .iter()
        .filter(|at| *at > first)
        .copied()
        .collect();
    all.sort_unstable();
    all.last().filter(|at| *at > last)?;
    all.insert(0, *first);
    let waits = all.windows(2).map(|pair| match pair {
        [from, to] => *to - *from,
        _ => Duration::ZERO,
    });
    waits.max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hv_sim::{HostOptions, SimHost};
    use userdata_core::Value;
    use userdata_simulate::history::{Event, Invocation, OperationId, ProcessId, Response};
    use userdata_simulate::walk::Report;

    #[test]
    fn the_longest_wait_begins_with_the_first_fault() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let seconds = |wait: Option<Duration>| wait.map(|wait| wait.as_secs());
        let changes = [at(0), at(9), at(12), at(20), at(21)];
        assert_eq!(seconds(longest_wait(&changes, &[at(10)])), Some(8));
        assert_eq!(seconds(longest_wait(&changes, &[at(12), at(20)])), Some(8));
        assert_eq!(seconds(longest_wait(&changes, &[at(20)])), Some(1));
        assert_eq!(longest_wait(&changes, &[at(21)]), None);
    }

    /// One client that stores a value, and reads what a member answers.
    fn judged(read: Option<&str>, took: Duration) -> Result<String> {
        let host = SimHost::new(HostOptions::new(1));
        let domain = host.create(hv_sim::NewDomain::new())?;
        let before = HostImage {
            host: host.state(),
            tree: Tree::default(),
        };
        let slot = slots(&[domain])?.remove(0);
        let (durability, value) = (Durability::Full, b"value".to_vec());
        let mut recorded = Recorded::default();
        recorded.longest = took;
        let store = Action::Store {
            slot: slot.clone(),
            value,
            durability,
        };
        let outcome = userdata::Outcome::Stored {
            durability,
            displaced: None,
        };
        let read = read.map(|text| Value::new(text.as_bytes().to_vec()));
        let calls = [
            (store, Report::Changed(outcome)),
            (Action::Retrieve { slot }, Report::Read(read)),
        ];
        for (number, (action, report)) in calls.into_iter().enumerate() {
            let (process, id) = (ProcessId(0), OperationId(number));
            let invocation = Invocation::Userdata(action);
            let response = Response::Userdata(report);
            recorded.history.events.extend([
                Event::Invoked {
                    process,
                    id,
                    invocation,
                },
                Event::Responded {
                    process,
                    id,
                    response,
                },
            ]);
        }
        let moment = Instant::now();
        recorded.acknowledged.push(moment + Duration::from_secs(1));
        judge(&recorded, &before, &[moment])
    }

    #[test]
    fn a_history_that_lost_a_value_or_ended_late_is_refused() {
        judged(Some("value"), TIMEOUT).unwrap();
        let refused = |read, took| judged(read, took).unwrap_err().to_string();
        assert!(refused(None, TIMEOUT).contains("agent0"));
        assert!(refused(Some("other"), TIMEOUT).contains("agent0"));
        assert_eq!(refused(Some("value"), TIMEOUT * 2), "a call took 6s");
    }
}
