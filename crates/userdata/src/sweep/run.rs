//! `Sweep`: a sweep under way, and the order of its steps.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use userdata_core::file_name::Kind;
use userdata_core::store::{
    Cleared, Durability, Found, Keep, Operation, Owned, Record, Refused, State, StoreError,
    StoreErrorKind,
};
use userdata_core::{DomainKey, Domid, Hypervisor, Life, Store, Uuid};

use super::judge::Judge;
use super::{
    Kept, Orphan, Sightings, SweepErrorKind, SweepOptions, SweepTotals, Swept, Verdict, What,
};
use crate::Userdata;

/// How long a sweep waits for the lock of one domain.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// The sweep checks after this many domains whether the hypervisor still answers.
const DOMAINS_PER_CHECK: u64 = 1000;

/// A sweep under way.
pub(super) struct Sweep<'a, H, S, F> {
    userdata: &'a Userdata<H, S>,
    judge: Judge<'a, H>,
    totals: SweepTotals,
    /// The verdicts on the incarnations whose records are reported at the end: those that would be
    /// removed in a dry run, and those that stay if the caller wants them explained.
    explained: Vec<(DomainKey, Verdict)>,
    each: F,
}

impl<'a, H: Hypervisor, S: Store, F: FnMut(&Swept<'_>)> Sweep<'a, H, S, F> {
    pub(super) fn new(userdata: &'a Userdata<H, S>, options: &'a SweepOptions, each: F) -> Self {
        Self {
            userdata,
            judge: Judge {
                hypervisor: &userdata.hypervisor,
                options,
                now: userdata.store.now(),
                leaving_fails: Cell::new(false),
            },
            totals: SweepTotals::default(),
            explained: Vec::new(),
            each,
        }
    }

    pub(super) const fn totals(&self) -> SweepTotals {
        self.totals
    }

    pub(super) fn run(&mut self, sightings: &mut Sightings) -> Result<(), SweepErrorKind> {
        let owned = self.owned()?;
        // Asked only now, so that the list contains every living domain whose data was seen.
        self.check_hypervisor()?;
        let alive = self.list_living()?;
        sightings.begin(self.userdata.hypervisor.boot().ok(), self.judge.now);
        let has_data = |domain: &DomainKey| owned.binary_search_by_key(domain, |(key, _)| *key);
        sightings.retain(|domain| has_data(domain).is_ok());
        let bare = alive.iter().filter(|domain| has_data(domain).is_err());
        let bare: Vec<DomainKey> = bare.copied().collect();
        let mut suspects = Vec::new();
        for (domain, leftovers) in owned {
            let lives = alive.binary_search(&domain).is_ok();
            if lives {
                sightings.forget(&domain);
            }
            if domain.domid == Domid::ZERO {
                self.report_judged(&domain, Verdict::Kept(Kept::Domain0));
            } else if lives && !leftovers {
                let kept = self.judge.judge_living(&domain);
                self.report_judged(&domain, Verdict::Kept(kept));
            } else if self.judge.options.dry_run {
                let verdict = self.judge.judge(&domain, &State::default(), sightings);
                self.totals.orphans += u64::from(verdict.is_orphan());
                let goes = verdict.is_orphan() || is_alive(&verdict);
                self.report_judged_with(&domain, verdict, goes);
            } else {
                suspects.push(domain);
            }
        }
        if !self.judge.options.dry_run {
            self.clear(&suspects, sightings)?;
            self.reclaim()?;
        }
        self.report_interrupted(&bare);
        self.report_records()
    }

    /// Reports the living domains without data whose destruction was interrupted: their toolstack
    /// may have removed the data before it was killed.
    fn report_interrupted(&mut self, bare: &[DomainKey]) {
        for domain in bare.iter().filter(|domain| domain.domid != Domid::ZERO) {
            let kept = self.judge.judge_living(domain);
            if let Kept::Alive { interrupted: true } = kept {
                self.report(domain, &Verdict::Kept(kept), What::Judged);
            }
        }
    }

    /// Every incarnation with records, and whether temporary files or marks are among them.
    fn owned(&mut self) -> Result<Vec<(DomainKey, bool)>, SweepErrorKind> {
        let (mut nameless, mut damaged) = (false, Vec::new());
        let mut found = Vec::new();
        self.userdata
            .store
            .owners(&mut |owned: Owned| {
                self.totals.domains += 1;
                self.totals.records += u64::from(owned.records);
                match owned.owner.key() {
                    Some(key) => found.push((key, owned.leftovers)),
                    None if owned.damaged => damaged.push(owned.owner.uuid),
                    None => nameless = true,
                }
                ControlFlow::Continue(())
            })
            .map_err(SweepErrorKind::Store)?;
        if nameless {
            return Err(SweepErrorKind::NoDomids);
        }
        self.report_damaged(&damaged);
        Ok(found)
    }

    /// Reports the data whose incarnation is not known. It stays.
    fn report_damaged(&mut self, uuids: &[Uuid]) {
        for uuid in uuids {
            // The error of a read tells what is damaged.
            let domain = DomainKey::new(Domid::ZERO, *uuid);
            if let Err(error) = self.userdata.store.list(&domain) {
                self.totals.failed += 1;
                self.report_not_reclaimed(&error);
            }
        }
    }

    /// Makes sure that the hypervisor answers, and answers for a host: every host has a Domain-0.
    fn check_hypervisor(&self) -> Result<(), SweepErrorKind> {
        match self.userdata.hypervisor.domain(Domid::ZERO) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(SweepErrorKind::NoDomain0),
            Err(error) => Err(SweepErrorKind::Hypervisor(error)),
        }
    }

    /// Every domain in the hypervisor's list that is alive, in order.
    fn list_living(&self) -> Result<Vec<DomainKey>, SweepErrorKind> {
        let domains = self.userdata.hypervisor.domains();
        let domains = domains.map_err(SweepErrorKind::Hypervisor)?.into_iter();
        let alive = domains.filter(|domain| domain.life == Life::Alive);
        let mut alive: Vec<DomainKey> = alive.map(|domain| domain.key).collect();
        alive.sort_unstable();
        Ok(alive)
    }

    /// Judges each suspect under its lock, and clears it by that verdict. A suspect is an
    /// incarnation that is not alive in the list, or that has temporary files or marks.
    fn clear(
        &mut self,
        suspects: &[DomainKey],
        sightings: &mut Sightings,
    ) -> Result<(), SweepErrorKind> {
        let (userdata, grace) = (self.userdata, self.judge.options.grace);
        let timeout = userdata.options.timeout.min(LOCK_TIMEOUT);
        let verdict = RefCell::new(None);
        let sightings = RefCell::new(sightings);
        let (mut judged, mut stopped) = (0, None);
        let judge = Judge {
            leaving_fails: self.judge.leaving_fails.clone(),
            ..self.judge
        };
        let mut admit = |domain: &DomainKey, state: &State| {
            let found = judge.judge(domain, state, &mut sightings.borrow_mut());
            let keep = match &found {
                Verdict::Orphan(_) => Ok(Keep::Nothing),
                Verdict::Kept(Kept::Alive { .. }) => Ok(Keep::AllButStale { age: grace }),
                Verdict::Kept(_) => Err(Refused::BeingDestroyed),
            };
            verdict.replace(Some(found));
            keep
        };
        let mut each = |domain: &DomainKey, cleared: Result<Cleared, StoreError>| {
            let verdict = verdict.take();
            if let Some(Verdict::Orphan(_)) = verdict
                && cleared
                    .as_ref()
                    .is_ok_and(|cleared| cleared.failed.is_empty())
            {
                sightings.borrow_mut().forget(domain);
            }
            self.report_cleared(domain, verdict, cleared);
            judged += 1;
            if judged % DOMAINS_PER_CHECK == 0 {
                stopped = self.check_hypervisor().err();
            }
            match stopped {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        };
        userdata
            .store
            .clear_each(
                suspects,
                timeout,
                Durability::Process,
                &mut admit,
                &mut each,
            )
            .map_err(SweepErrorKind::Store)?;
        stopped.map_or(Ok(()), Err)
    }

    /// Reports the result for one suspect. It has a verdict if its lock could be taken.
    fn report_cleared(
        &mut self,
        domain: &DomainKey,
        verdict: Option<Verdict>,
        cleared: Result<Cleared, StoreError>,
    ) {
        let (verdict, cleared) = match (verdict, cleared) {
            (Some(verdict), Ok(cleared)) => (verdict, cleared),
            (Some(verdict @ Verdict::Kept(_)), Err(error))
                if matches!(error.kind(), StoreErrorKind::Refused(_)) =>
            {
                (verdict, Cleared::default())
            }
            (None, Err(error)) if error.is_busy() => {
                (Verdict::Kept(Kept::Busy), Cleared::default())
            }
            (Some(verdict), Err(error)) => {
                let mut cleared = Cleared::default();
                cleared.failed.push(error);
                (verdict, cleared)
            }
            (None, Err(error)) => {
                self.totals.failed += 1;
                (
                    Verdict::Kept(Kept::Failed(Box::new(error))),
                    Cleared::default(),
                )
            }
            // The contract of `Store` forbids clearing without asking `admit`.
            (None, Ok(cleared)) => {
                let kind = StoreErrorKind::NoOutcome;
                let error = StoreError::new(Operation::Admit, domain.to_string(), kind);
                (Verdict::Kept(Kept::Failed(Box::new(error))), cleared)
            }
        };
        self.totals.orphans += u64::from(verdict.is_orphan());
        let values = cleared.removed.into_iter();
        let values = values.map(|userid| Record::new(Kind::Data, userid));
        for record in values.chain(cleared.others) {
            self.totals.removed += 1;
            #[cfg(feature = "tracing")]
            tracing::info!(
                %domain, kind = %record.kind, userid = %record.userid, reason = %verdict, "removed"
            );
            self.report(domain, &verdict, What::Removed(&record));
        }
        for error in &cleared.failed {
            // A lock file that another program holds belongs to that program, and is not a failure.
            if !matches!(error.kind(), StoreErrorKind::Held) {
                self.totals.failed += 1;
                self.report(domain, &verdict, What::Failed(error));
            }
        }
        let stays = self.judge.options.explain && !cleared.failed.is_empty();
        self.report_judged_with(domain, verdict, stays);
    }

    fn reclaim(&mut self) -> Result<(), SweepErrorKind> {
        let reclaimed = self.userdata.store.reclaim(&mut || true);
        let reclaimed = reclaimed.map_err(SweepErrorKind::Store)?;
        self.totals.reclaimed = reclaimed.records;
        self.totals.failed += reclaimed.failed.len() as u64;
        for error in &reclaimed.failed {
            self.report_not_reclaimed(error);
        }
        Ok(())
    }

    /// Reports data that stays although no known incarnation has it.
    fn report_not_reclaimed(&mut self, error: &StoreError) {
        let none = DomainKey::new(Domid::ZERO, Uuid::nil());
        let verdict = Verdict::Orphan(Orphan::Unreachable);
        self.report(&none, &verdict, What::NotReclaimed(error));
    }

    fn report(&mut self, domain: &DomainKey, verdict: &Verdict, what: What<'_>) {
        (self.each)(&Swept {
            domain: *domain,
            verdict,
            what,
        });
    }

    /// Reports that an incarnation is judged, and remembers the verdict if its records are to be
    /// reported.
    fn report_judged(&mut self, domain: &DomainKey, verdict: Verdict) {
        self.report_judged_with(domain, verdict, false);
    }

    /// The same; `with_records` says that its records are reported in any case: in a dry run those
    /// that would be removed, or those that could not be.
    fn report_judged_with(&mut self, domain: &DomainKey, verdict: Verdict, with_records: bool) {
        self.report(domain, &verdict, What::Judged);
        if with_records || self.judge.options.explain && !verdict.is_orphan() {
            self.explained.push((*domain, verdict));
        }
    }

    /// Reports the records that stay, or that would be removed.
    fn report_records(&mut self) -> Result<(), SweepErrorKind> {
        if self.explained.is_empty() {
            return Ok(());
        }
        let (userdata, mut explained) = (self.userdata, std::mem::take(&mut self.explained));
        explained.sort_unstable_by_key(|(domain, _)| *domain);
        let (options, today) = (self.judge.options, SystemTime::now());
        let is_stale = |found: &Found| {
            let age = found
                .entry
                .modified
                .and_then(|time| today.duration_since(time).ok());
            matches!(found.kind, Kind::Temporary | Kind::New)
                && age.is_some_and(|age| age >= options.grace)
        };
        let mut show = |found: Found| {
            if let Some(domain) = found.owner.key()
                && let Ok(place) = explained.binary_search_by_key(&domain, |(domain, _)| *domain)
                && let Some((_, verdict)) = explained.get(place)
            {
                // Whether a mark is void is not known without the lock.
                let goes = verdict.is_orphan() || is_alive(verdict) && is_stale(&found);
                let goes = options.dry_run && goes;
                self.totals.removed += u64::from(goes);
                match (goes, options.explain) {
                    (true, _) => self.report(&domain, verdict, What::WouldGo(&found)),
                    (false, true) => self.report(&domain, verdict, What::Stays(&found)),
                    (false, false) => {}
                }
            }
            ControlFlow::Continue(())
        };
        userdata
            .store
            .scan(&mut show)
            .map_err(SweepErrorKind::Store)
    }
}

/// Whether it is a domain of which a sweep removes old temporary files.
const fn is_alive(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Kept(Kept::Alive { .. }))
}
