//! `Cluster`: the members, asked in turn.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Client, Error};
use tokio::time::{Instant, sleep_until};
use userdata_pool::EngineError;

use crate::error::EtcdError;
use crate::failure::{Kind, NoAnswer};
use crate::later::later;
use crate::member::Member;
use crate::options::EtcdOptions;

/// How long one member is waited for at most.
const ATTEMPT: Duration = Duration::from_millis(1500);

/// The same at least, if there is time: a new channel and a change on a slow disk take some.
const ATTEMPT_MIN: Duration = Duration::from_millis(100);

/// After all members were asked in vain.
const PAUSE: Duration = Duration::from_millis(100);

/// Whether a request is sent again if its answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Yes, to another member: it changes nothing, or nothing that matters.
    Yes,
    /// It is sent once.
    No,
}

/// All members.
#[derive(Debug)]
pub(crate) struct Cluster {
    members: Vec<Member>,
    /// The place of the member that is asked first.
    first: AtomicUsize,
}

impl Cluster {
    pub(crate) fn new(options: &EtcdOptions) -> Result<Self, EtcdError> {
        if options.endpoints.is_empty() {
            return Err(EtcdError::NoEndpoint);
        }
        let member = |endpoint| Member::new(endpoint, options);
        Ok(Self {
            members: options
                .endpoints
                .iter()
                .map(member)
                .collect::<Result<_, _>>()?,
            first: AtomicUsize::new(0),
        })
    }

    /// The same members, which answer although they know of no leader.
    pub(crate) fn without_leader(&self) -> Self {
        Self {
            members: self.members.iter().map(Member::without_leader).collect(),
            first: AtomicUsize::new(0),
        }
    }

    /// Asks one member after the other, beginning with the one that answered last, until one
    /// answers.
    pub(crate) async fn ask<T, F>(
        &self,
        timeout: Duration,
        repeat: Repeat,
        request: impl Fn(Client) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let deadline = later(Instant::now(), timeout);
        let mut in_vain = NoAnswer::default();
        loop {
            let mut unusable = None;
            let first = self.first.load(Ordering::Relaxed);
            let (before, from_first) = self.members.split_at(first);
            let to_ask = (1..=self.members.len()).rev();
            let members = from_first.iter().chain(before).zip(first + 1..);
            for ((member, next), to_ask) in members.zip(to_ask) {
                let now = Instant::now();
                let until = attempt_until(now, deadline, to_ask);
                let is_cut_short = until < now + ATTEMPT;
                let failure = match member.ask(until, &request).await {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => failure.of_request(repeat),
                };
                let endpoint = member.endpoint();
                match failure.kind {
                    Kind::NotSent => in_vain.add(endpoint, &failure, is_cut_short),
                    Kind::Lost if repeat == Repeat::Yes => {
                        in_vain.add(endpoint, &failure, is_cut_short);
                    }
                    // Told only if no other member answers.
                    Kind::Certificate | Kind::NotEtcd => unusable = Some((endpoint, failure)),
                    Kind::Lost => {
                        self.begin_with(next);
                        return Err(failure.told_by(endpoint));
                    }
                    _ => return Err(failure.told_by(endpoint)),
                }
                self.begin_with(next);
                if Instant::now() >= deadline {
                    break;
                }
            }
            if let Some((endpoint, failure)) = unusable {
                return Err(failure.told_by(endpoint));
            }
            let pause = Instant::now() + PAUSE;
            if !may_ask_again(pause, deadline, repeat) {
                sleep_until(deadline).await;
                return Err(EngineError::NotSent(in_vain.into()));
            }
            sleep_until(pause).await;
        }
    }

    fn begin_with(&self, place: usize) {
        let place = place % self.members.len();
        self.first.store(place, Ordering::Relaxed);
    }
}

/// The end of an attempt that begins now, if so many members are still to be asked: each gets its
/// share.
fn attempt_until(now: Instant, deadline: Instant, to_ask: usize) -> Instant {
    let left = deadline.saturating_duration_since(now);
    let share = left / u32::try_from(to_ask).unwrap_or(u32::MAX).max(1);
    deadline.min(now + share.clamp(ATTEMPT_MIN, ATTEMPT))
}

/// Whether there is time for more attempts then. A change that is sent in the last moment would
/// only have an unknown outcome.
fn may_ask_again(then: Instant, deadline: Instant, repeat: Repeat) -> bool {
    let least = match repeat {
        Repeat::Yes => Duration::ZERO,
        Repeat::No => ATTEMPT_MIN,
    };
    then + least <= deadline
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_sent_until_the_deadline_and_a_change_is_not() {
        let now = Instant::now();
        let may = |left: Duration, repeat| may_ask_again(now, now + left, repeat);
        assert!(may(Duration::ZERO, Repeat::Yes));
        assert!(may(ATTEMPT_MIN, Repeat::No));
        assert!(!may(ATTEMPT_MIN / 2, Repeat::No));
        assert!(!may_ask_again(now + PAUSE, now, Repeat::Yes));
    }
}
