//! What the bytes of an input choose: events of the host, and calls with their arguments.

use std::iter;

use arbitrary::{Arbitrary, Unstructured};

mod arguments;

pub(super) use arguments::{
    Destroying, Expecting, Flags, From, Given, Happening, How, Named, Payload, Place, Pointer,
    Size, Slot, Sweeping, To, Which, until,
};

/// The most steps of an input.
const STEPS_MAX: usize = 48;

#[derive(Debug)]
pub(super) struct History {
    pub(super) reports_dying: bool,
    pub(super) steps: Vec<Step>,
}

impl History {
    /// Steps for as long as there are bytes.
    pub(super) fn of(data: &mut Unstructured<'_>) -> Self {
        let reports_dying = data.arbitrary().unwrap_or_default();
        let steps = iter::from_fn(|| (!data.is_empty()).then(|| data.arbitrary().ok()).flatten());
        let steps = steps.take(STEPS_MAX).collect();
        Self {
            reports_dying,
            steps,
        }
    }
}

#[derive(Arbitrary, Debug)]
pub(super) enum Step {
    Event(Happening),
    Call(Call),
    /// A child makes the call, frees its contexts and ends.
    InChild(Call),
}

#[derive(Arbitrary, Debug)]
pub(super) enum Call {
    Alloc {
        slot: Slot,
        how: How,
    },
    Free {
        slot: Slot,
    },
    Store {
        at: Place,
        domain: Which,
        userid: Named,
        data: Payload,
        expect: Option<Expecting>,
    },
    Retrieve {
        at: Place,
        domain: Which,
        userid: Named,
        value: bool,
        length: bool,
    },
    Remove {
        at: Place,
        domain: Which,
        userid: Named,
    },
    List {
        at: Place,
        domain: Which,
        place: Given,
    },
    Clear {
        at: Place,
        domain: Which,
        flags: Flags,
    },
    Destroy {
        at: Place,
        domain: Which,
        how: Option<Destroying>,
    },
    Begin {
        at: Place,
        domain: Which,
        place: Given,
    },
    End {
        which: u8,
        destroyed: i8,
    },
    Sweep {
        at: Place,
        options: Option<Sweeping>,
        totals: Option<Size>,
    },
    Export {
        at: Place,
        domain: Which,
        to: To,
        flags: Flags,
    },
    Import {
        at: Place,
        domain: Which,
        from: From,
        flags: Flags,
    },
}

impl Call {
    /// Ends the first destruction that was begun.
    pub(super) const END: Self = Self::End {
        which: 0,
        destroyed: 0,
    };

    /// Whether it makes or ends something that is kept from one call to the next.
    pub(super) const fn is_kept(&self) -> bool {
        matches!(
            self,
            Self::Alloc { .. } | Self::Free { .. } | Self::Begin { .. } | Self::End { .. }
        )
    }
}

/// What every history begins with: two domains, and two contexts, of which the second has values of
/// at most 64 bytes.
pub(super) fn first() -> Vec<Step> {
    let create = |domid, uuid| Step::Event(Happening::create(domid, uuid));
    let alloc = |slot, value_max| {
        let how = How::with_value_max(value_max);
        let slot = Slot::new(slot);
        Step::Call(Call::Alloc { slot, how })
    };
    vec![create(0, 0), create(1, 1), alloc(0, 0), alloc(1, 64)]
}
