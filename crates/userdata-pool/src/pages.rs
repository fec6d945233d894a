//! Reads in pages: the keys of spans, all at one revision, and few of them in memory at a time.

use userdata_core::store::{Operation, StoreError, StoreErrorKind};

use crate::deadline::Deadline;
use crate::engine::{Answer, Page, Pair, Request, Revision, Span, Txn};
use crate::{Engine, EngineError, PoolStore};

/// How often a read begins anew because its revision was compacted away.
const TRIES: u32 = 5;

/// What is done with what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A change or a removal is decided by it, so it is the newest.
    Decide,
    /// A caller asked to see it. It may be stale if the options say so.
    Show,
}

/// The keys of a span, and whether their values are read, too.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) span: Span,
    pub(crate) values: bool,
}

impl Range {
    pub(crate) const fn of(span: Span) -> Self {
        let values = true;
        Self { span, values }
    }

    pub(crate) const fn keys_only(span: Span) -> Self {
        let values = false;
        Self { span, values }
    }

    /// The request of a page of so many keys.
    fn request(&self, size: usize) -> Request {
        Request::Range {
            span: self.span.clone(),
            values: self.values,
            limit: self.span.to.is_some().then_some(size),
        }
    }

    /// The rest of the span behind this page; `None` if it is the last.
    fn behind(&self, page: &Page) -> Option<Self> {
        let to = self.span.to.clone()?;
        let last = page.pairs.last().filter(|_| page.more)?;
        let mut from = last.key.clone();
        // The first key behind this one.
        from.push(0);
        let (span, values) = (Span::range(from, to), self.values);
        Some(Self { span, values })
    }
}

impl<E: Engine> PoolStore<E> {
    /// Whether a read for this purpose may be stale.
    pub(crate) fn is_stale(&self, purpose: Purpose) -> bool {
        purpose == Purpose::Show && self.options.stale
    }

    /// Reads the keys of these spans, one span after the other and each in order, as all of them
    /// are at one revision. `each` gets the place of the span and one key. Returns the revision.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoRevision`] if the revision was compacted away before the last page.
    pub(crate) fn in_pages(
        &self,
        ranges: &[Range],
        purpose: Purpose,
        deadline: Deadline,
        each: &mut dyn FnMut(usize, Pair),
    ) -> Result<Revision, EngineError> {
        let size = self.options.page.max(1);
        let first = Txn {
            requests: ranges.iter().map(|range| range.request(size)).collect(),
            stale: self.is_stale(purpose),
            ..Txn::default()
        };
        let answer = self.send(&first, deadline)?;
        let revision = answer.revision;
        for ((place, range), mut page) in ranges.iter().enumerate().zip(answer.found) {
            let mut rest = range.behind(&page);
            loop {
                page.pairs.into_iter().for_each(|pair| each(place, pair));
                let Some(range) = rest else { break };
                let reading = Txn {
                    at: Some(revision),
                    requests: vec![range.request(size)],
                    stale: self.is_stale(purpose),
                    ..Txn::default()
                };
                let answer = self.send(&reading, deadline)?;
                page = answer.found.into_iter().next().unwrap_or_default();
                rest = range.behind(&page);
            }
        }
        Ok(revision)
    }

    /// All keys of these spans at one revision. For the records of few domains.
    pub(crate) fn read_spans(
        &self,
        spans: impl IntoIterator<Item = Span>,
        purpose: Purpose,
        deadline: Deadline,
    ) -> Result<Answer, EngineError> {
        let ranges: Vec<Range> = spans.into_iter().map(Range::of).collect();
        let mut found = vec![Page::default(); ranges.len()];
        let revision = self.in_pages(&ranges, purpose, deadline, &mut |place, pair| {
            if let Some(page) = found.get_mut(place) {
                page.pairs.push(pair);
            }
        })?;
        Ok(Answer {
            revision,
            made: true,
            found,
        })
    }

    /// The same for a whole call: it begins anew with `T::default()` if the revision was compacted
    /// away meanwhile. `each` takes a key into the result.
    pub(crate) fn gather<T: Default>(
        &self,
        ranges: &[Range],
        purpose: Purpose,
        (operation, subject): (Operation, &str),
        mut each: impl FnMut(&mut T, usize, Pair),
    ) -> Result<T, StoreError> {
        let deadline = self.within_options();
        let failed = |kind| StoreError::new(operation, subject, kind);
        for _ in 0..TRIES {
            let mut result = T::default();
            let read = self.in_pages(ranges, purpose, deadline, &mut |place, pair| {
                each(&mut result, place, pair);
            });
            match read {
                Ok(_) => return Ok(result),
                Err(EngineError::NoRevision(_)) => {}
                Err(error) => return Err(failed(self.unanswered(error, deadline))),
            }
        }
        Err(failed(StoreErrorKind::GaveUp { tries: TRIES }))
    }
}
