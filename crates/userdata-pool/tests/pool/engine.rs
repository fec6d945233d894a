//! `SimEngine`: a replicated engine in memory, which loses answers as it is told.

mod digest;
mod records;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use userdata_pool::{Answer, Engine, EngineError, Lease, Page, Pair, Request, Revision, Span, Txn};

/// How long the client waits for an answer that is lost.
pub(crate) const WAIT: Duration = Duration::from_millis(1500);

/// What happens to one transaction that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is made, and its answer is lost.
    LostAfter,
    /// It is never made, and there is no answer.
    LostBefore,
    /// There is no answer, and it arrives when [`SimEngine::deliver`] is called.
    Delayed,
    /// The client knows that it was not sent.
    NotSent,
    /// It is never made: the client has no right to it.
    NotPermitted,
    /// It is never made: the quota is full.
    NoSpace,
    /// It is made, and answered as if the quota were full: etcd does so if it fills the quota.
    /// Where first graves are made, which change no value, it is the next one.
    Fills,
}

/// What another program does behind a read.
#[derive(Clone, Debug)]
pub(crate) enum Behind {
    Put(String, String),
    Delete(String),
    /// The engine forgets all revisions but the newest.
    Compact,
}

thread_local! {
    /// Called behind each read of this thread.
    static WATCH: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// Runs this, and calls `watch` behind each read of it.
pub(crate) fn with_watch<T>(watch: Rc<dyn Fn()>, run: impl FnOnce() -> T) -> T {
    WATCH.set(Some(watch));
    let result = run();
    WATCH.set(None);
    result
}

#[derive(Clone, Debug)]
struct Version {
    revision: Revision,
    /// `None` if the key was removed.
    value: Option<Vec<u8>>,
    lease: Option<Lease>,
}

#[derive(Clone, Debug, Default)]
struct State {
    keys: BTreeMap<Vec<u8>, Vec<Version>>,
    revision: Revision,
    now: Duration,
    /// When each lease runs out; never while it is kept alive.
    leases: BTreeMap<Lease, Option<Duration>>,
    numbers: u64,
    /// What happens to the next changes.
    faults: VecDeque<Option<Fault>>,
    /// Of so many changes one loses its answer, after and before it is made by turns.
    lossy: Option<u64>,
    changes: u64,
    reads: u64,
    delayed: Vec<Txn>,
    full: bool,
    /// What happens behind each of the next reads.
    behind_reads: VecDeque<Vec<Behind>>,
    /// Older revisions are compacted away.
    oldest: Revision,
    /// The most keys that an answer had for one span.
    longest_answer: usize,
    /// What another program overwrites behind the next change that is made.
    overwritten: Option<(Vec<u8>, Vec<u8>)>,
    /// The last revision that the member which answers stale reads knows; all if `None`.
    lags_at: Option<Revision>,
    /// How long each answer takes.
    slow: Duration,
    /// After so many more answers there is none.
    silent_after: Option<usize>,
}

fn is_put(request: &Request) -> bool {
    matches!(request, Request::Put { .. })
}

/// Whether it makes first graves. Every other change compares more than graves.
fn is_first_graves(txn: &Txn) -> bool {
    let mut compares = txn.compares.iter();
    compares.all(|compare| compare.key.starts_with(b"/userdata/1/grave/"))
}

/// A cluster. It has revisions, leases and a clock of its own, which waits alone move.
#[derive(Debug, Default)]
pub(crate) struct SimEngine(Mutex<State>);

impl SimEngine {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next changes meet these.
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.state().faults = faults.into_iter().collect();
    }

    /// Every `n`th change loses its answer.
    pub(crate) fn lose_every(&self, n: u64) {
        self.state().lossy = Some(n);
    }

    /// The same cluster, from now on apart, without its older revisions.
    pub(crate) fn copy(&self) -> Self {
        let mut state = self.state().clone();
        state.oldest = state.revision;
        for versions in state.keys.values_mut() {
            versions.drain(..versions.len() - 1);
        }
        state.keys.retain(|_, versions| versions[0].value.is_some());
        Self(Mutex::new(state))
    }

    /// Lets the change with this place among those on their way arrive.
    pub(crate) fn deliver_one(&self, place: usize) {
        let mut state = self.state();
        let txn = state.delayed.remove(place);
        if !state.full || !txn.requests.iter().any(is_put) {
            state.make(&txn);
        }
    }

    /// How many changes are on their way.
    pub(crate) fn under_way(&self) -> usize {
        self.state().delayed.len()
    }

    /// Lets everything arrive that is still on its way.
    pub(crate) fn deliver(&self) {
        let mut state = self.state();
        for txn in std::mem::take(&mut state.delayed) {
            state.make(&txn);
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.state().now += time;
    }

    /// Every lease runs out, those that are kept alive, too: the whole cluster was stopped.
    pub(crate) fn lose_leases(&self) {
        self.state().leases.clear();
    }

    /// The quota is full: only removals are taken.
    pub(crate) fn fill(&self) {
        self.state().full = true;
    }

    /// The quota is not full any more.
    pub(crate) fn make_room(&self) {
        self.state().full = false;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.state().full
    }

    /// One member learns of no more changes; the others are a quorum.
    pub(crate) fn lag(&self) {
        let mut state = self.state();
        state.lags_at = Some(state.revision);
    }

    /// From now on each answer takes so long, and after so many there is none.
    pub(crate) fn falls_silent(&self, slow: Duration, after: usize) {
        let mut state = self.state();
        (state.slow, state.silent_after) = (slow, Some(after));
    }

    pub(crate) fn revision(&self) -> Revision {
        self.state().revision
    }

    /// How many changes were sent.
    pub(crate) fn changes(&self) -> u64 {
        self.state().changes
    }

    /// How many transactions that only read were sent.
    pub(crate) fn reads(&self) -> u64 {
        self.state().reads
    }

    /// These happen behind the next reads.
    pub(crate) fn behind_reads(&self, each: impl IntoIterator<Item = Vec<Behind>>) {
        self.state().behind_reads = each.into_iter().collect();
    }

    /// The most keys that any answer had for one span.
    pub(crate) fn longest_answer(&self) -> usize {
        self.state().longest_answer
    }
}

impl State {
    fn holds(&self, lease: Lease) -> bool {
        let until = self.leases.get(&lease);
        until.is_some_and(|until| until.is_none_or(|until| self.now < until))
    }

    fn current(&self, key: &[u8]) -> Option<&Version> {
        let version = self.keys.get(key)?.last()?;
        let there = version.value.is_some() && version.lease.is_none_or(|lease| self.holds(lease));
        there.then_some(version)
    }

    fn at(&self, key: &[u8], revision: Option<Revision>) -> Option<&Version> {
        let Some(revision) = revision else {
            return self.current(key);
        };
        let mut versions = self.keys.get(key)?.iter().rev();
        let version = versions.find(|version| version.revision <= revision)?;
        version.value.is_some().then_some(version)
    }

    fn within(&self, span: &Span) -> Vec<Vec<u8>> {
        match &span.to {
            None => vec![span.from.clone()],
            Some(to) if *to <= span.from => Vec::new(),
            Some(to) => self
                .keys
                .range(span.from.clone()..to.clone())
                .map(|(key, _)| key.clone())
                .collect(),
        }
    }

    fn happen(&mut self, what: Behind) {
        let request = match what {
            Behind::Put(key, value) => Request::Put {
                key: key.into_bytes(),
                value: value.into_bytes(),
                lease: None,
            },
            Behind::Delete(key) => Request::Delete {
                span: Span::key(key.into_bytes()),
            },
            Behind::Compact => {
                self.oldest = self.revision;
                return;
            }
        };
        self.make(&Txn {
            requests: vec![request],
            ..Txn::default()
        });
    }

    fn make(&mut self, txn: &Txn) -> Answer {
        let revision = |key: &[u8]| self.current(key).map_or(0, |version| version.revision);
        let made = txn
            .compares
            .iter()
            .all(|compare| revision(&compare.key) == compare.revision);
        let mut answer = Answer {
            made,
            revision: self.revision,
            found: Vec::new(),
        };
        if !made {
            return answer;
        }
        let (mut written, next) = (BTreeMap::new(), self.revision + 1);
        let mut longest = self.longest_answer;
        for request in &txn.requests {
            match request {
                Request::Range {
                    span,
                    values,
                    limit,
                } => {
                    let keys = self.within(span);
                    let mut pairs = keys.into_iter().filter_map(|key| {
                        let version = self.at(&key, txn.at)?;
                        let value = version.value.as_ref().filter(|_| *values);
                        Some(Pair {
                            key,
                            value: value.cloned().unwrap_or_default(),
                            revision: version.revision,
                            leased: version.lease.is_some(),
                        })
                    });
                    let first = pairs.by_ref().take(limit.unwrap_or(usize::MAX));
                    let page = Page {
                        pairs: first.collect(),
                        more: pairs.next().is_some(),
                    };
                    longest = longest.max(page.pairs.len());
                    answer.found.push(page);
                }
                Request::Put { key, value, lease } => {
                    if lease.is_some_and(|lease| !self.holds(lease)) {
                        answer.made = false;
                        return answer;
                    }
                    let twice = written.insert(key.clone(), (Some(value.clone()), *lease));
                    assert!(twice.is_none(), "etcd refuses a key that is changed twice");
                }
                Request::Delete { span } => {
                    for key in self.within(span) {
                        if self.current(&key).is_some() {
                            let twice = written.insert(key, (None, None));
                            assert!(twice.is_none(), "etcd refuses a key that is changed twice");
                        }
                    }
                }
            }
        }
        self.longest_answer = longest;
        if !written.is_empty() {
            self.revision = next;
            answer.revision = next;
        }
        for (key, (value, lease)) in written {
            self.keys.entry(key).or_default().push(Version {
                revision: next,
                value,
                lease,
            });
        }
        if self.revision == next
            && let Some((key, value)) = self.overwritten.take()
        {
            let lease = None;
            self.make(&Txn {
                requests: vec![Request::Put { key, value, lease }],
                ..Txn::default()
            });
        }
        answer
    }

    /// Whether the answer to a request comes in time. The time for it passes.
    fn answers(&mut self, timeout: Duration) -> bool {
        let left = self.silent_after.as_mut();
        let is_silent = left.is_some_and(|left| match left.checked_sub(1) {
            Some(less) => {
                *left = less;
                false
            }
            None => true,
        });
        let time = if is_silent { timeout } else { self.slow };
        self.now += time.min(timeout);
        !is_silent && time <= timeout
    }

    fn fault(&mut self) -> Option<Fault> {
        self.changes += 1;
        let turn = self.lossy.and_then(|n| {
            let (round, rest) = (self.changes / n, self.changes % n);
            (rest == 0).then_some(match round % 2 {
                0 => Fault::LostAfter,
                _ => Fault::LostBefore,
            })
        });
        self.faults.pop_front().unwrap_or(turn)
    }
}

impl Engine for SimEngine {
    fn txn(&self, txn: &Txn, timeout: Duration) -> Result<Answer, EngineError> {
        let mut state = self.state();
        let is_read = |request: &Request| matches!(request, Request::Range { .. });
        let answers = state.answers(timeout);
        if txn.requests.iter().all(is_read) {
            if !answers {
                return Err(EngineError::NotSent("no answer".into()));
            }
            state.reads += 1;
            if txn.at.is_some_and(|at| at < state.oldest) {
                return Err(EngineError::NoRevision("it was compacted".into()));
            }
            let mut txn = txn.clone();
            if let (true, Some(known)) = (txn.stale, state.lags_at) {
                txn.at = Some(txn.at.map_or(known, |at| at.min(known)));
            }
            let answer = state.make(&txn);
            for what in state.behind_reads.pop_front().unwrap_or_default() {
                state.happen(what);
            }
            drop(state);
            if let Some(watch) = WATCH.with_borrow(Clone::clone) {
                watch();
            }
            return Ok(answer);
        }
        assert!(!txn.stale, "a change is stale: {txn:?}");
        if !answers {
            return Err(EngineError::Lost("no answer".into()));
        }
        let fault = state.fault();
        let answered = [Fault::NoSpace, Fault::Fills, Fault::NotPermitted];
        let waits = fault.is_some_and(|fault| !answered.contains(&fault));
        if waits && state.lossy.is_none() {
            state.now += WAIT.min(timeout);
        }
        let lost = || Err(EngineError::Lost("no answer".into()));
        let no_space = || Err(EngineError::NoSpace("the quota is full".into()));
        match fault {
            None if state.full && txn.requests.iter().any(is_put) => no_space(),
            Some(Fault::NoSpace) => no_space(),
            Some(Fault::NotPermitted) => Err(EngineError::NotPermitted("no right".into())),
            Some(Fault::Fills) if is_first_graves(txn) => {
                state.faults.push_front(fault);
                Ok(state.make(txn))
            }
            Some(Fault::Fills) => {
                state.make(txn);
                no_space()
            }
            None => Ok(state.make(txn)),
            Some(Fault::NotSent) => Err(EngineError::NotSent("no connection".into())),
            Some(Fault::LostBefore) => lost(),
            Some(Fault::LostAfter) => {
                state.make(txn);
                lost()
            }
            Some(Fault::Delayed) => {
                state.delayed.push(txn.clone());
                lost()
            }
        }
    }

    fn grant(&self, ttl: Duration, timeout: Duration) -> Result<Lease, EngineError> {
        let mut state = self.state();
        if !state.answers(timeout) {
            return Err(EngineError::NotSent("no answer".into()));
        }
        if state.full {
            return Err(EngineError::NoSpace("the quota is full".into()));
        }
        state.numbers += 1;
        let lease = Lease(i64::try_from(state.numbers).unwrap_or(i64::MAX));
        let until = state.now + ttl;
        state.leases.insert(lease, Some(until));
        Ok(lease)
    }

    fn keep_alive(&self, lease: Lease) {
        if let Some(until) = self.state().leases.get_mut(&lease) {
            *until = None;
        }
    }

    fn revoke(&self, lease: Lease, timeout: Duration) {
        let mut state = self.state();
        if state.answers(timeout) {
            state.leases.remove(&lease);
        }
    }

    fn now(&self) -> Duration {
        self.state().now
    }

    fn today(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.now()
    }

    fn number(&self) -> u64 {
        let mut state = self.state();
        state.numbers += 1;
        state.numbers
    }
}
