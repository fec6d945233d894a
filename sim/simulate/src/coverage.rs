//! `Coverage`: which operation met what, and how often.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use userdata_sim::{ActionKind, Faulted, How, Walked};

/// How often something happened, by row and column.
pub(crate) type Table = BTreeMap<String, BTreeMap<String, u64>>;

/// What was reached; what has no place here never happened.
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
}

impl Coverage {
    pub(crate) fn add(&mut self, other: Self) {
        let Self {
            failing_calls,
            faults,
            kills,
            power_cuts,
        } = other;
        add(&mut self.failing_calls, failing_calls);
        add(&mut self.faults, faults);
        add(&mut self.kills, kills);
        add(&mut self.power_cuts, power_cuts);
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
