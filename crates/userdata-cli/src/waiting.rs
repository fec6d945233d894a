//! Waiting for a domain that does not exist yet.

use std::thread;
use std::time::{Duration, Instant};

use crate::domain::DomainNotFound;
use crate::failure::Failure;
use crate::status::Status;

/// The pauses between two tries: the first one, and the longest one.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// Tries until there is a living domain, at most for this long, and at least once. Every other
/// failure ends it, and so does the last try.
pub(crate) fn until_it_lives<T>(
    limit: Duration,
    attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    until(limit, is_not_there_yet, attempt)
}

/// The same, as long as the failure is one that passes.
pub(crate) fn until<T>(
    limit: Duration,
    passes: impl Fn(&Failure) -> bool,
    mut attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let started = Instant::now();
    let (mut pause, longest) = PAUSE;
    loop {
        let left = limit.saturating_sub(started.elapsed());
        match attempt() {
            Err(failure) if passes(&failure) && !left.is_zero() => {
                thread::sleep(pause.min(left));
                pause = (pause * 2).min(longest);
            }
            done => return done,
        }
    }
}

/// Whether a later try may find one living domain.
pub(crate) fn is_not_there_yet(failure: &Failure) -> bool {
    matches!(failure, Failure::Domain(DomainNotFound::Shared { .. }))
        || matches!(
            Status::from(failure),
            Status::NoSuchDomain | Status::BeingDestroyed
        )
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::domain::DomainArgument;

    fn absent() -> Failure {
        let domain: DomainArgument = "web".parse().unwrap();
        DomainNotFound::NoSuchDomain(domain).into()
    }

    #[test]
    fn a_domain_that_appears_is_found_and_other_failures_end_the_wait() {
        let mut tries = 0;
        let found = until_it_lives(Duration::MAX, || {
            tries += 1;
            if tries < 4 { Err(absent()) } else { Ok(tries) }
        });
        assert_eq!(found.unwrap(), 4);
        let other = || Failure::io("read it")(io::Error::other("broken"));
        let failed: Result<(), _> = until_it_lives(Duration::MAX, || Err(other()));
        assert!(matches!(failed, Err(Failure::Io { .. })));
    }

    #[test]
    fn it_is_tried_once_more_when_the_time_is_over() {
        let mut tries = 0;
        for (limit, at_least) in [(0, 1), (30, 2)] {
            tries = 0;
            let failed: Result<(), _> = until_it_lives(Duration::from_millis(limit), || {
                tries += 1;
                Err(absent())
            });
            assert!(matches!(failed, Err(Failure::Domain(_))));
            assert!(tries >= at_least, "{tries}");
        }
        assert!(tries < 100);
    }
}
