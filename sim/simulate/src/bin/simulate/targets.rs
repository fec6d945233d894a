//! `Target`: a figure that a campaign must reach, and the one that it reached.

use std::fmt;

use crate::case::Family;
use crate::findings::Findings;
use crate::report::Canary;

/// One thing that a campaign must reach.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) what: &'static str,
    pub(crate) required: String,
    pub(crate) reached: String,
    pub(crate) is_met: bool,
    /// Whether a slow machine is an excuse.
    pub(crate) is_speed: bool,
}

/// Histories a minute, and crash states in five minutes, on two processors.
const HISTORIES: u64 = 10_000;
const CRASH_STATES: u64 = 1_000_000;

impl Target {
    /// All of them; planted bugs only if they were hunted.
    pub(crate) fn all(findings: &Findings, canaries: Option<&[Canary]>) -> Vec<Self> {
        let total = findings.total();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is not negative and not that large"
        )]
        let rate = findings.per_minute(Family::History, |tally| tally.counts.histories) as u64;
        let complete = |family: Family, what| {
            let tally = findings.families.get(&family);
            let all = tally.and_then(|tally| tally.all).unwrap_or_default();
            let cases = tally.map_or(0, |tally| tally.cases);
            Self {
                what,
                required: match (family, findings.pair_step) {
                    (Family::Pair, step) if step > 1 => format!("one in {step}: {all} cases"),
                    _ => format!("all {all} cases"),
                },
                reached: cases.to_string(),
                is_met: all > 0 && cases == all,
                is_speed: false,
            }
        };
        let at_least = |what, required: u64, reached: u64| Self {
            what,
            required: format!("at least {required}"),
            reached: reached.to_string(),
            is_met: reached >= required,
            is_speed: true,
        };
        let failures = findings.failures.len();
        let mut all = vec![
            at_least("histories of competing processes a minute", HISTORIES, rate),
            at_least(
                "crash states recovered from and checked",
                CRASH_STATES,
                total.recovered,
            ),
            complete(
                Family::Crash,
                "every protocol, layout, durability and crash model",
            ),
            complete(Family::Fault, "every single fault of every protocol"),
            complete(Family::Pair, "every pair of faults of every protocol"),
            complete(Family::Schedule, "every schedule of the small scenarios"),
            Self {
                what: "guarantees broken by the code as it is",
                required: "none".to_owned(),
                reached: failures.to_string(),
                is_met: failures == 0,
                is_speed: false,
            },
        ];
        if let Some(canaries) = canaries {
            let found = canaries.iter().filter(|canary| canary.is_found()).count();
            all.push(Self {
                what: "planted bugs that were found",
                required: format!("all {}", canaries.len()),
                reached: found.to_string(),
                is_met: found > 0 && found == canaries.len(),
                is_speed: false,
            });
        }
        all
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = if self.is_met { "met" } else { "MISSED" };
        let (what, required, reached) = (self.what, &self.required, &self.reached);
        write!(f, "{met:7} {what}: {reached} ({required})")
    }
}
