//! `Coverage`: how often each operation met each fault, kill, power cut and response.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use userdata::UserdataErrorKind;
use userdata_core::store::StoreErrorKind;
use userdata_sim::faults::How;
use userdata_simulate::history::{Disturbance, Event, History, Invocation, ProcessId, Response};
use userdata_simulate::walk::{ActionKind, Faulted, Report, Walked};

/// How often something happened, by row and column.
pub(crate) type Table = BTreeMap<String, BTreeMap<String, u64>>;

/// What was reached. What is not in these tables never happened.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Coverage {
    /// Runs in which a call of an operation failed: by operation and call.
    pub(crate) failing_calls: Table,
    /// Runs in which a call failed in a way: by call and fault.
    pub(crate) faults: Table,
    /// Kills, by operation and the step that was made last.
    pub(crate) kills: Table,
    /// States after a power cut, by operation and the step that was made last.
    pub(crate) power_cuts: Table,
    /// What operations of several processes returned, by operation.
    pub(crate) responses: Table,
    /// What disturbed them, by operation.
    pub(crate) disturbed: Table,
}

impl Coverage {
    pub(crate) fn add(&mut self, other: Self) {
        let Self {
            failing_calls,
            faults,
            kills,
            power_cuts,
            responses,
            disturbed,
        } = other;
        add(&mut self.failing_calls, failing_calls);
        add(&mut self.faults, faults);
        add(&mut self.kills, kills);
        add(&mut self.power_cuts, power_cuts);
        add(&mut self.responses, responses);
        add(&mut self.disturbed, disturbed);
    }

    pub(crate) fn of_walk(walked: &Walked) -> Self {
        let mut coverage = Self::default();
        for ((action, step), ended) in &walked.ended {
            let action = format!("{action:?}");
            let step = step.map_or_else(|| "the end".to_owned(), |kind| format!("{kind:?}"));
            count(&mut coverage.kills, &action, &step, ended.kills);
            count(&mut coverage.power_cuts, &action, &step, ended.recovered);
        }
        coverage
    }

    /// What each operation of a history met, and how it ended.
    pub(crate) fn of_history(history: &History) -> Self {
        let mut coverage = Self::default();
        let mut open: BTreeMap<ProcessId, String> = BTreeMap::new();
        for event in &history.events {
            match event {
                Event::Invoked {
                    process,
                    invocation,
                    ..
                } => {
                    open.insert(*process, name(invocation));
                }
                Event::Responded {
                    process, response, ..
                } => {
                    if let Some(invocation) = open.remove(process) {
                        count(&mut coverage.responses, &invocation, &reported(response), 1);
                    }
                }
                Event::Killed { process } => {
                    if let Some(invocation) = open.remove(process) {
                        count(&mut coverage.responses, &invocation, "killed", 1);
                    }
                }
                Event::Disturbed { process, by } => {
                    if let Some(invocation) = open.get(process) {
                        count(&mut coverage.disturbed, invocation, &struck(by), 1);
                    }
                }
                Event::PowerCut => {
                    for invocation in open.values() {
                        count(&mut coverage.responses, invocation, "power cut", 1);
                    }
                }
                _ => {}
            }
        }
        coverage
    }

    pub(crate) fn of_faults(action: ActionKind, faulted: &Faulted) -> Self {
        let mut coverage = Self::default();
        for ((call, how), runs) in &faulted.met {
            let (action, call) = (format!("{action:?}"), format!("{call:?}"));
            let fault = match how {
                How::Fails(errno) => format!("{errno:?}"),
                How::Short(length) => format!("short {length}"),
            };
            count(&mut coverage.failing_calls, &action, &call, *runs);
            count(&mut coverage.faults, &call, &fault, *runs);
        }
        coverage
    }
}

fn name(invocation: &Invocation) -> String {
    match invocation {
        Invocation::Userdata(action) => format!("{:?}", action.kind()),
        Invocation::Libxl(call) => format!("libxl {}", first_word(call)),
        other => first_word(other),
    }
}

fn reported(response: &Response) -> String {
    match response {
        Response::Userdata(Report::Changed(outcome)) => first_word(outcome),
        Response::Userdata(Report::Read(None)) => "no value".to_owned(),
        Response::Userdata(Report::Failed(error)) => match error.kind() {
            UserdataErrorKind::Store(error) => match error.kind() {
                StoreErrorKind::Refused(refused) => first_word(refused),
                kind => first_word(kind),
            },
            kind => first_word(kind),
        },
        Response::Userdata(report) => first_word(report),
        Response::Libxl { rc, .. } => format!("rc {rc}"),
        other => first_word(other),
    }
}

fn struck(disturbance: &Disturbance) -> String {
    match disturbance {
        Disturbance::Directory { call, .. } => format!("{call:?}"),
        Disturbance::Hypervisor { .. } => "hypervisor".to_owned(),
        other => first_word(other),
    }
}

/// The name of a variant.
fn first_word(value: &dyn fmt::Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find(|c: char| !c.is_alphanumeric());
    text.get(..end.unwrap_or(text.len()))
        .unwrap_or_default()
        .to_owned()
}

fn count(table: &mut Table, row: &str, column: &str, times: u64) {
    let columns = table.entry(row.to_owned()).or_default();
    *columns.entry(column.to_owned()).or_default() += times;
}

fn add(table: &mut Table, other: Table) {
    for (row, columns) in other {
        for (column, times) in columns {
            count(table, &row, &column, times);
        }
    }
}
