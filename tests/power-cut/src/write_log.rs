//! `WriteLog`: the events of a disk, in order.

use serde::{Deserialize, Serialize};

/// An event of a disk, or of the program that uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// Bytes were written, possibly into the disk's volatile cache only.
    Write(Write),
    /// All earlier writes have moved from the cache to the disk.
    Flush,
    /// The change with this number was begun.
    Begun(usize),
    /// The change with this number was acknowledged to the program.
    Acknowledged(usize),
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Write {
    pub(crate) at: u64,
    #[serde(with = "crate::base64_bytes")]
    pub(crate) bytes: Vec<u8>,
}

/// The events of a disk, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WriteLog(Vec<Event>);

/// How far the program has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The number of changes that were begun.
    pub(crate) begun: usize,
    /// The number of changes that were acknowledged.
    pub(crate) acknowledged: usize,
}

impl WriteLog {
    pub(crate) fn push(&mut self, event: Event) {
        self.0.push(event);
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.0
    }

    /// How far the program has come after `after` events.
    pub(crate) fn progress(&self, after: usize) -> Progress {
        let mut progress = Progress::default();
        for event in self.0.iter().take(after) {
            match event {
                Event::Begun(number) => progress.begun = number + 1,
                Event::Acknowledged(number) => progress.acknowledged = number + 1,
                Event::Write(_) | Event::Flush => {}
            }
        }
        progress
    }

    /// The number of writes and the number of flushes.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let count = |is: fn(&Event) -> bool| self.0.iter().filter(|event| is(event)).count();
        (
            count(|event| matches!(event, Event::Write(_))),
            count(|event| matches!(event, Event::Flush)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_the_begun_and_acknowledged_changes() {
        let mut log = WriteLog::default();
        for event in [
            Event::Begun(0),
            Event::Flush,
            Event::Acknowledged(0),
            Event::Begun(1),
        ] {
            log.push(event);
        }
        let progress = |after| {
            let Progress {
                begun,
                acknowledged,
            } = log.progress(after);
            (begun, acknowledged)
        };
        assert_eq!(
            [0, 1, 2, 3, 4].map(progress),
            [(0, 0), (1, 0), (1, 0), (1, 1), (2, 1)]
        );
        assert_eq!(log.counts(), (0, 1));
    }
}
