//! The arguments of a call, and what happens to a host.

use std::ffi::{CStr, CString};

use arbitrary::Arbitrary;
use hv_sim::{Event, NewDomain, Until};
use userdata_capi::called::{Data, Domain, OTHER_THINGS};
use userdata_core::{Domid, Uuid};

/// One of the contexts of a history.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) struct Slot(u8);

impl Slot {
    pub(super) const fn new(number: u8) -> Self {
        Self(number)
    }

    pub(in crate::c_calls) const COUNT: usize = 3;

    pub(in crate::c_calls) fn index(self) -> usize {
        usize::from(self.0) % Self::COUNT
    }
}

/// What a call gets as its context: in most cases one.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) struct Place {
    kind: u8,
    slot: Slot,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::c_calls) enum Pointer {
    Context(usize),
    Shifted(usize),
    Null,
    Bytes(u64),
}

impl Place {
    pub(in crate::c_calls) fn pointer(self) -> Pointer {
        match self.kind {
            255 => Pointer::Null,
            254 => Pointer::Shifted(self.slot.index()),
            253 => Pointer::Bytes(u64::from(self.slot.0)),
            252 => Pointer::Bytes(u64::MAX),
            kind @ 250..=251 => {
                let other = OTHER_THINGS.get(usize::from(kind) - 250);
                Pointer::Bytes(other.copied().unwrap_or_default())
            }
            _ => Pointer::Context(self.slot.index()),
        }
    }
}

/// Whether there is a pointer for a result: in most cases.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) struct Given(u8);

impl Given {
    pub(in crate::c_calls) fn is(self) -> bool {
        self.0 != 255
    }
}

/// Flags: in most cases few.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) struct Flags(u8);

impl Flags {
    pub(in crate::c_calls) fn bits(self) -> u32 {
        match self.0 {
            255 => 1 << 31,
            bits => u32::from(bits % 9),
        }
    }
}

const DOMIDS: [u32; 12] = [5, 50, 5, 50, 5, 50, 7, 0, 32_751, 0x7ff0, 65_541, u32::MAX];
const UUIDS: [u128; 3] = [0, 1, 0x11111111_2222_3333_4444_abcdef555555];

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) struct Which {
    domid: u8,
    uuid: u8,
}

impl Which {
    pub(in crate::c_calls) fn domain(self) -> Domain {
        let domid = DOMIDS.get(usize::from(self.domid) % DOMIDS.len());
        let uuid = UUIDS.get(usize::from(self.uuid) % (2 * UUIDS.len()));
        Domain {
            domid: domid.copied().unwrap_or_default(),
            uuid: uuid.copied().map(u128::to_be_bytes),
        }
    }
}

/// What happens to a domain of the host.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) struct Happening {
    domain: Which,
    what: What,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum What {
    Create { named: bool },
    Destroy { until: u8 },
    Kill,
    Hide,
    Show,
    Pin,
    Unpin,
    SetUuid,
    Boot,
}

impl Happening {
    pub(super) const fn create(domid: u8, uuid: u8) -> Self {
        Self {
            domain: Which { domid, uuid },
            what: What::Create { named: true },
        }
    }

    /// The event, if it is about a guest that a host may have.
    pub(in crate::c_calls) fn event(self) -> Option<Event> {
        let Domain { domid, uuid } = self.domain.domain();
        let domid = Domid::try_from(domid)
            .ok()
            .filter(|id| *id != Domid::ZERO)?;
        let uuid = Uuid::from_bytes(uuid.unwrap_or([2; 16]));
        Some(match self.what {
            What::Create { named } => {
                let new = NewDomain::new().with_domid(domid).with_uuid(uuid);
                Event::Create(match named {
                    true => new.with_name(format!("domain-{domid}")),
                    false => new,
                })
            }
            What::Destroy { until } => Event::Destroy {
                domid,
                until: self::until(until),
            },
            What::Kill => Event::Kill { domid },
            What::Hide => Event::Hide { domid },
            What::Show => Event::Show { domid },
            What::Pin => Event::Pin { domid },
            What::Unpin => Event::Unpin { domid },
            What::SetUuid => Event::SetUuid { domid, uuid },
            What::Boot => Event::BootHost,
        })
    }
}

pub(in crate::c_calls) fn until(number: u8) -> Until {
    match number % 4 {
        0 => Until::Gone,
        1 => Until::Leaving,
        2 => Until::Dying,
        _ => Until::Dead,
    }
}

/// Userids that a store might confuse, that are registered, and that are refused.
const USERIDS: [&[u8]; 16] = [
    b"xl",
    b"agent",
    b"libxl-json",
    b"x",
    b"xl.",
    b"*",
    b".hid",
    b"5.00",
    b"libvirt-xml",
    b"domain-userdata-lock",
    b".",
    b"..",
    b"",
    b"a/b",
    b"a b",
    b"\xff\x01",
];

#[derive(Arbitrary, Clone, Debug)]
pub(in crate::c_calls) enum Named {
    Known(u8),
    Long(u8),
    Raw(Vec<u8>),
    Null,
}

impl Named {
    pub(in crate::c_calls) fn text(&self) -> Option<CString> {
        let bytes = match self {
            Self::Known(number) => {
                let known = USERIDS.get(usize::from(*number) % USERIDS.len());
                known.copied().unwrap_or_default().to_vec()
            }
            Self::Long(length) => vec![b'u'; usize::from(*length)],
            Self::Raw(bytes) => bytes.iter().copied().filter(|byte| *byte != 0).collect(),
            Self::Null => return None,
        };
        CString::new(bytes).ok()
    }
}

#[derive(Arbitrary, Clone, Debug)]
pub(in crate::c_calls) enum Payload {
    Bytes(Vec<u8>),
    Many(u16),
    Null(u8),
    TooLong,
}

impl Payload {
    /// What the call gets, of bytes that are made in `many`.
    pub(in crate::c_calls) fn data<'a>(&'a self, many: &'a mut Vec<u8>) -> Data<'a> {
        match self {
            Self::Bytes(bytes) => Data::Bytes(bytes),
            Self::Many(count) => {
                many.resize(usize::from(*count), b'm');
                Data::Bytes(many)
            }
            Self::Null(length) => Data::Null((*length).into()),
            Self::TooLong => Data::TooLong,
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) enum Expecting {
    Nothing,
    Right,
    Wrong(u8),
}

/// A `size` of a struct.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) enum Size {
    Right,
    More(u16),
    Any(u64),
}

impl Size {
    pub(in crate::c_calls) fn of(self, right: usize) -> usize {
        match self {
            Self::Right => right,
            Self::More(more) => right + usize::from(more),
            Self::Any(size) => usize::try_from(size).unwrap_or(usize::MAX),
        }
    }
}

/// The options of a context.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) struct How {
    pub(in crate::c_calls) api: u8,
    pub(in crate::c_calls) place: Given,
    pub(in crate::c_calls) size: Size,
    pub(in crate::c_calls) behind: u8,
    pub(in crate::c_calls) shifted: u8,
    pub(in crate::c_calls) hypervisor: u8,
    pub(in crate::c_calls) directory: u8,
    pub(in crate::c_calls) deadline_ms: u32,
    pub(in crate::c_calls) durability: u8,
    pub(in crate::c_calls) value_max: u16,
    pub(in crate::c_calls) flags: u8,
}

impl How {
    pub(super) fn with_value_max(value_max: u16) -> Self {
        Self {
            api: 0,
            place: Given(0),
            size: Size::Right,
            behind: 0,
            shifted: 0,
            hypervisor: 0,
            directory: 0,
            deadline_ms: 0,
            durability: 0,
            value_max,
            flags: 0,
        }
    }

    /// The version of the interface: in most cases the right one.
    pub(in crate::c_calls) fn api(&self) -> u32 {
        match self.api {
            number @ 250.. => u32::from(number - 248),
            249 => 0,
            _ => 1,
        }
    }

    pub(in crate::c_calls) fn is_shifted(&self) -> bool {
        self.shifted > 250
    }

    pub(in crate::c_calls) fn hypervisor<'a>(&self, simulated: &'a CStr) -> &'a CStr {
        match self.hypervisor {
            255 => c"",
            254 => c"sim:",
            253 => c"kvm",
            252 => c"s\xffm:",
            _ => simulated,
        }
    }

    /// Whether the library does not know it.
    pub(in crate::c_calls) fn is_unknown_host(&self) -> bool {
        self.hypervisor >= 252
    }

    /// Whether there is no such directory.
    pub(in crate::c_calls) fn is_missing(&self) -> bool {
        self.directory > 250
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) struct Destroying {
    /// Until which stage the caller's function destroys the domain, if it does.
    pub(in crate::c_calls) until: Option<u8>,
    pub(in crate::c_calls) code: i8,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) struct Sweeping {
    pub(in crate::c_calls) size: Size,
    pub(in crate::c_calls) settles: bool,
    pub(in crate::c_calls) flags: u8,
    pub(in crate::c_calls) sightings: bool,
}

/// Where an export goes.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(in crate::c_calls) enum To {
    File,
    Full,
    ReadOnly,
    Closed,
    Negative,
}

/// Where an import comes from.
#[derive(Arbitrary, Clone, Debug)]
pub(in crate::c_calls) enum From {
    /// The last archive that was exported.
    Last,
    Made {
        values: Vec<(Named, Vec<u8>)>,
        /// A byte that is changed, and how.
        edit: Option<(u16, u8)>,
    },
    Raw(Vec<u8>),
    WriteOnly,
    Closed,
    Negative,
}
