//! `SimHost`: a simulated host that tests, threads and the code under test share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use userdata_core::hypervisor::{BootId, DomainNames, HypervisorError};
use userdata_core::{Domain, DomainKey, Domid, Hypervisor};

use crate::before::Before;
use crate::script::Script;
use crate::transition::Transition;
use crate::watch::Watches;
use crate::{
    Asked, Call, Event, EventError, Failure, Fault, HostOptions, HostState, ReleaseWatch, When,
};

/// A simulated host. Clones are the same host, and may be used by several threads.
///
/// A test makes events happen with [`SimHost::apply`] or with the method that is named for the
/// event. An event is atomic: no other thread sees half of it.
///
/// A test also decides which answers are wrong, with [`SimHost::fail`], [`SimHost::script`] and
/// [`SimHost::before_each`]. The script is not part of the state and is not serialised.
///
/// It never panics, has no clock and uses no entropy. Its serialised form is that of its state: see
/// [`HostState::to_json`].
#[derive(Clone)]
pub struct SimHost {
    shared: Arc<Mutex<Shared>>,
    scripted: bool,
}

struct Shared {
    state: HostState,
    before: Before,
    script: Script,
    hook: Option<Arc<Hook>>,
    watches: Watches,
}

type Hook = dyn Fn(&SimHost, Asked) + Send + Sync;

impl SimHost {
    /// A host on its first boot, with Domain-0 only.
    #[must_use]
    pub fn new(options: HostOptions) -> Self {
        Self::from(HostState::new(options))
    }

    /// The same host without its script: questions to this handle meet no fault and no hook, and
    /// are not counted. A test uses it to get true answers.
    #[must_use]
    pub fn unscripted(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            scripted: false,
        }
    }

    /// A copy of the state at this moment.
    #[must_use]
    pub fn state(&self) -> HostState {
        self.lock().state.clone()
    }

    /// Makes `event` happen. Returns the domain that it created, if it creates one.
    ///
    /// # Errors
    ///
    /// If the event can't happen; nothing is changed.
    pub fn apply(&self, event: &Event) -> Result<Option<DomainKey>, EventError> {
        self.happen(|now| now.happen(event))
    }

    pub(crate) fn happen<T>(
        &self,
        change: impl FnOnce(&mut Transition<'_>) -> Result<T, EventError>,
    ) -> Result<T, EventError> {
        let mut shared = self.lock();
        let happened = shared.state.transition(change)?;
        shared.before = happened.before;
        if happened.fires {
            shared.watches.fire();
        }
        Ok(happened.result)
    }

    /// Registers a watch on `@releaseDomain`, which fires at once.
    pub fn watch(&self) -> ReleaseWatch {
        self.lock().watches.register()
    }

    /// Makes a question fail: [`SimHost::script`] with [`Fault::Fail`].
    pub fn fail(&self, call: Call, when: When, failure: Failure) {
        self.script(call, when, Fault::Fail(failure));
    }

    /// Makes the answer to a question wrong, or makes the question fail.
    pub fn script(&self, call: Call, when: When, fault: Fault) {
        self.lock().script.add(call, when, fault);
    }

    /// Removes every fault that has not been met yet.
    pub fn clear_script(&self) {
        self.lock().script.clear();
    }

    /// Calls `hook` before each question is answered, in the thread that asks. It replaces a hook
    /// that was set before. The hook may wait. It may also make events happen through its handle,
    /// which is [`unscripted`](SimHost::unscripted), and so change the host between two questions.
    pub fn before_each(&self, hook: impl Fn(&Self, Asked) + Send + Sync + 'static) {
        self.lock().hook = Some(Arc::new(hook));
    }

    /// How often this question has been asked.
    #[must_use]
    pub fn asked(&self, call: Call) -> u64 {
        self.lock().script.asked(call)
    }

    fn answer<T>(
        &self,
        call: Call,
        operation: impl FnOnce() -> String,
        ask: impl FnOnce(&HostState) -> Result<T, HypervisorError>,
    ) -> Result<T, HypervisorError> {
        if !self.scripted {
            return ask(&self.lock().state);
        }
        let mut shared = self.lock();
        let (asked, fault) = shared.script.ask(call);
        if let Some(hook) = shared.hook.clone() {
            drop(shared);
            hook(&self.unscripted(), asked);
            shared = self.lock();
        }
        match fault {
            None => ask(&shared.state),
            Some(Fault::Fail(failure)) => Err(HypervisorError::new(operation(), failure.kind())),
            Some(Fault::Stale) => ask(&shared.before.of(&shared.state)),
            Some(Fault::Absent) => ask(&shared.state.deserted()),
            Some(Fault::Lie(other)) => ask(&other),
        }
    }

    /// A poisoned lock is harmless: an event is all or nothing, so a thread that panicked has not
    /// left a part of one.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hypervisor for SimHost {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        self.answer(
            Call::Domain,
            || format!("look up domain {domid}"),
            |state| state.domain(domid),
        )
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.answer(
            Call::Domains,
            || "list the domains".to_owned(),
            Hypervisor::domains,
        )
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.answer(
            Call::Leaving,
            || format!("ask whether domain {domain} is leaving"),
            |state| state.leaving(domain),
        )
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.answer(Call::Boot, || "name this boot".to_owned(), Hypervisor::boot)
    }
}

impl DomainNames for SimHost {
    fn name(&self, domid: Domid) -> Result<Option<String>, HypervisorError> {
        self.answer(
            Call::Name,
            || format!("look up the name of domain {domid}"),
            |state| state.name(domid),
        )
    }
}

impl From<HostState> for SimHost {
    /// A new host in this state, with an empty script.
    fn from(state: HostState) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                before: Before::new(&state),
                state,
                script: Script::default(),
                hook: None,
                watches: Watches::default(),
            })),
            scripted: true,
        }
    }
}

impl Serialize for SimHost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.lock().state.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SimHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        HostState::deserialize(deserializer).map(Self::from)
    }
}

impl fmt::Debug for SimHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimHost")
            .field("state", &self.lock().state)
            .finish_non_exhaustive()
    }
}
