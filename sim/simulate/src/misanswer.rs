//! `Misanswer`: what is wrong with an answer of a hypervisor.

use hv_sim::{Failure, Fault, HostState};
use userdata_core::{Domid, Uuid};

/// What is wrong with the answer of a hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misanswer {
    /// There is none.
    Fails(Failure),
    /// It is that of the moment before the last event.
    Stale,
    /// It is that of a host without any domain.
    Absent,
    /// It is that of a host whose domains all have other uuids.
    Others,
}

impl Misanswer {
    /// One of each kind.
    pub const KINDS: [Self; 4] = [
        Self::Fails(Failure::Failed),
        Self::Stale,
        Self::Absent,
        Self::Others,
    ];

    /// Whether there is an answer, and a wrong one.
    #[must_use]
    pub const fn is_lie(self) -> bool {
        !matches!(self, Self::Fails(_))
    }

    /// The fault that makes a host of this state answer so.
    #[must_use]
    pub fn fault(self, state: &HostState) -> Fault {
        match self {
            Self::Fails(failure) => Fault::Fail(failure),
            Self::Stale => Fault::Stale,
            Self::Absent => Fault::Absent,
            Self::Others => Fault::Lie(Box::new(with_other_uuids(state.clone()))),
        }
    }
}

fn with_other_uuids(mut state: HostState) -> HostState {
    let guests: Vec<(Domid, Uuid)> = state
        .guests()
        .map(|(domid, guest)| (domid, guest.uuid()))
        .collect();
    for (domid, uuid) in guests {
        let uuid = Uuid::from_u128(!uuid.as_u128());
        // It can't fail for a domain that is there.
        let _ = state.apply(&hv_sim::Event::SetUuid { domid, uuid });
    }
    state
}
