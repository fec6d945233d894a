//! What libFuzzer says of how far it has come.

use std::path::PathBuf;

/// How far a run has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) executions: u64,
    /// Edges of the program that were taken.
    pub(super) coverage: u64,
    /// Edges with how often they were taken.
    pub(super) features: u64,
    /// Inputs that are kept.
    pub(super) corpus: u64,
}

impl Status {
    /// The last that is said in a log, such as
    /// `#524288 pulse  cov: 298 ft: 589 corp: 103/8412b lim: 4096 exec/s: 61869 rss: 28Mb`.
    pub(super) fn last_of(log: &str) -> Option<Self> {
        log.lines().rev().find_map(Self::of)
    }

    fn of(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix('#')?.split_whitespace();
        let executions = words.next()?.parse().ok()?;
        let words: Vec<&str> = words.collect();
        let after = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            let number = words.get(at + 1)?.split('/').next()?;
            number.parse().ok()
        };
        Some(Self {
            executions,
            coverage: after("cov:")?,
            features: after("ft:")?,
            corpus: after("corp:")?,
        })
    }
}

/// The inputs that were written because the target failed on them.
pub(super) fn artifacts_in(log: &str) -> impl Iterator<Item = PathBuf> {
    log.lines()
        .filter_map(|line| line.split_once("Test unit written to "))
        .map(|(_, path)| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
INFO: Loaded 1 PC tables (23 PCs)
#2	INITED cov: 5 ft: 6 corp: 1/1b exec/s: 0 rss: 27Mb
#524288	pulse  cov: 298 ft: 589 corp: 103/8412b lim: 4096 exec/s: 61869 rss: 28Mb
#not a status
==1== ERROR: libFuzzer: deadly signal
artifact_prefix='a/'; Test unit written to a/crash-0123
";

    #[test]
    fn the_last_status_of_a_log_counts() {
        let status = Status::last_of(LOG).unwrap();
        let expected = Status {
            executions: 524_288,
            coverage: 298,
            features: 589,
            corpus: 103,
        };
        assert_eq!(status, expected);
        assert_eq!(
            Status::last_of("INFO: nothing yet\n#3\tINITED exec/s: 0"),
            None
        );
    }

    #[test]
    fn a_failing_input_is_found_in_the_log() {
        let found: Vec<_> = artifacts_in(LOG).collect();
        assert_eq!(found, [PathBuf::from("a/crash-0123")]);
    }
}
