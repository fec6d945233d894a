//! `WriteLog`: everything that reached a disk, in order.

use serde::{Deserialize, Serialize};

/// What happened to a disk, or beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// Bytes were written, possibly into the disk's volatile cache only.
    Write(Write),
    /// What was written before is in the cache no longer but on the disk.
    Flush,
    /// The change of this number was begun.
    Begun(usize),
    /// The program was told that the change of this number is made.
    Acknowledged(usize),
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Write {
    pub(crate) at: u64,
    #[serde(with = "crate::base64_bytes")]
    pub(crate) bytes: Vec<u8>,
}

/// Everything that happened, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WriteLog(Vec<Event>);

/// How far the program had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// So many changes were begun.
    pub(crate) begun: usize,
    /// So many were acknowledged.
    pub(crate) acknowledged: usize,
}

impl WriteLog {
    pub(crate) fn push(&mut self, event: Event) {
        self.0.push(event);
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.0
    }

    /// How far the program had come after so many events.
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

    /// How many writes and how many flushes there are.
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
    fn progress_counts_what_was_begun_and_acknowledged_so_far() {
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
