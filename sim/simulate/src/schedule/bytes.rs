//! `Bytes`: choices that a fuzzer makes.

use super::{Choice, Choices, Moment};

/// Choices read from bytes, two for each: how many steps are made first, then what happens. Where
/// the bytes end, every process goes on; so every prefix is a schedule.
#[derive(Clone, Debug)]
pub struct Bytes<'a> {
    rest: &'a [u8],
    /// How many steps are made before the next choice.
    gap: Option<u8>,
}

/// The byte that cuts the power, and the first of those that kill.
const CUT: u8 = 0xff;
const KILL: u8 = 0xf0;

impl<'a> Bytes<'a> {
    /// The choices that these bytes stand for.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            gap: None,
        }
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }
}

impl Choices for Bytes<'_> {
    fn choose(&mut self, moment: &Moment<'_>) -> Choice {
        let go_on = Choice::Run(moment.go_on());
        let Some(gap) = self.gap.take().or_else(|| self.take()) else {
            return go_on;
        };
        if gap > 0 {
            self.gap = Some(gap - 1);
            return go_on;
        }
        let Some(what) = self.take() else {
            return go_on;
        };
        let number = usize::from(what);
        let all = moment.ready.len() + moment.asleep.len();
        let mut processes = moment.ready.iter().chain(moment.asleep);
        let chosen = number
            .checked_rem(all)
            .and_then(|number| processes.nth(number));
        match (what, chosen) {
            (CUT, _) => Choice::CutPower,
            (KILL.., Some(chosen)) => Choice::Kill(*chosen),
            (_, Some(chosen)) => Choice::Run(*chosen),
            (_, None) => go_on,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ProcessId;

    #[test]
    fn bytes_let_steps_go_by_and_then_choose() {
        let (ready, asleep) = ([ProcessId(0), ProcessId(2)], [ProcessId(1)]);
        let moment = Moment {
            step: 0,
            last: None,
            current: Some(ProcessId(0)),
            ready: &ready,
            asleep: &asleep,
        };
        let mut bytes = Bytes::new(&[1, 1, 0, 2, 0, KILL, 0, CUT]);
        let chosen: Vec<Choice> = (0..6).map(|_| bytes.choose(&moment)).collect();
        assert_eq!(
            chosen,
            [
                Choice::Run(ProcessId(0)),
                Choice::Run(ProcessId(2)),
                Choice::Run(ProcessId(1)),
                Choice::Kill(ProcessId(0)),
                Choice::CutPower,
                Choice::Run(ProcessId(0)),
            ]
        );
    }
}
