//! Strategies: sequences of steps that collide often.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use userdata_core::{DomainKey, Domid, Uuid};
use userdata_testkit::strategies;

use crate::setting::{LOCK, file_name};
use crate::step::{By, Call, Event, Step};
use crate::tree::Node;

/// The longest sequence of steps.
const STEPS_MAX: usize = 32;

/// Two uuids: one domid gets both, and two domids one.
pub(crate) const UUIDS: [Uuid; 2] = [
    Uuid::from_u128(0x1111_1111_2222_3333_4444_abcd_ef55_5555),
    Uuid::from_u128(0xdead_beef_dead_beef_dead_beef_0000_0005),
];

/// The userids of most steps.
const HOT: [&[u8]; 2] = [b"xl", b"a.b"];

/// Userids that are special for one of the libraries.
const ODD: [&[u8]; 22] = [
    b"",
    b".",
    b"..",
    b".hid",
    b"xl.",
    b"*",
    b"?l",
    b"[x]l",
    b"a b",
    b"a\nb",
    b"\xff\xfe",
    b"\xc3\xa9",
    b"a/b",
    b"../x",
    b"libxl-json",
    b"domain-userdata-lock",
    b"x-domain-userdata-lock-y",
    b"libxl-device-changes-lock",
    b"qmp-socket-lock",
    b"my-qmp-socket-lock",
    b"domain-userdata-loc",
    b"5.11111111-2222-3333-4444-abcdef555555.xl",
];

/// The contents of planted files.
const CONTENTS: [&[u8]; 2] = [b"", b"planted"];

/// The targets of planted links.
const TARGETS: [&[u8]; 2] = [b"elsewhere", b"."];

/// Lengths of userids about those that this library writes, that fit into a name, and that are
/// valid.
const LENGTHS: [usize; 9] = [127, 128, 129, 201, 204, 205, 206, 207, 208];

/// A sequence of steps. The libraries in `by` make the calls in the second directory.
pub(crate) fn steps(by: &'static [By]) -> impl Strategy<Value = Vec<Step>> {
    (vec(step(by), 1..=STEPS_MAX)).prop_map(|mut steps| {
        let mut all: Vec<Step> = [5, 50]
            .into_iter()
            .map(|domid| Step::Happen(low(domid), Event::Create(UUIDS[0])))
            .collect();
        all.append(&mut steps);
        all
    })
}

fn step(by: &'static [By]) -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (call(), select(by)).prop_map(|(call, by)| Step::Call(call, by)),
        4 => (guest(), event()).prop_map(|(domid, event)| Step::Happen(domid, event)),
        5 => plant(),
    ]
}

fn low(domid: u16) -> Domid {
    Domid::new(domid).unwrap_or(Domid::ZERO)
}

/// Domids that look alike, more or less.
fn guest() -> impl Strategy<Value = Domid> {
    prop_oneof![8 => Just(low(5)), 2 => Just(low(50)), 1 => Just(low(7))]
}

fn userid() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => select(&HOT[..]).prop_map(<[u8]>::to_vec),
        6 => select(&ODD[..]).prop_map(<[u8]>::to_vec),
        1 => select(&LENGTHS[..]).prop_map(|length| vec![b'x'; length]),
        1 => strategies::userids().prop_map(|userid| userid.as_bytes().to_vec()),
    ]
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![
        30 => select(&[1, 2, 4095, 4096, 4097, 65537][..]),
        9 => Just(0),
        1 => select(&[1 << 20, (1 << 20) + 1][..]),
    ];
    (length, any::<u8>()).prop_map(|(length, byte)| vec![byte; length])
}

fn call() -> impl Strategy<Value = Call> {
    let domid = || prop_oneof![9 => guest(), 1 => Just(Domid::ZERO)];
    prop_oneof![
        6 => (domid(), userid(), data())
            .prop_map(|(domid, userid, data)| Call::Store { domid, userid, data }),
        1 => (domid(), userid()).prop_map(|(domid, userid)| Call::StoreNegative { domid, userid }),
        4 => (domid(), userid()).prop_map(|(domid, userid)| Call::Retrieve { domid, userid }),
        3 => (domid(), userid()).prop_map(|(domid, userid)| Call::Remove { domid, userid }),
        1 => guest().prop_map(|domid| Call::Destroy { domid }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => select(&UUIDS[..]).prop_map(Event::Create),
        1 => select(&UUIDS[..]).prop_map(Event::SetUuid),
        1 => Just(Event::Leave),
        1 => Just(Event::Vanish),
        1 => Just(Event::Die),
        4 => Just(Event::Release),
    ]
}

/// A domain that may exist or may have existed.
fn key() -> impl Strategy<Value = DomainKey> {
    let [first, second] = UUIDS;
    let uuid = prop_oneof![4 => Just(first), 1 => Just(second)];
    (guest(), uuid).prop_map(|(domid, uuid)| DomainKey::new(domid, uuid))
}

/// A file under a name of a domain, or almost one.
fn plant() -> impl Strategy<Value = Step> {
    let kind = select(&b"dddddnnnnltczA1-"[..]);
    let planted = prop_oneof![2 => select(&HOT[..]).prop_map(<[u8]>::to_vec), 1 => userid()];
    let named = (key(), kind, planted).prop_filter_map("not a name", |(key, kind, userid)| {
        let name = file_name(kind, &key, &userid);
        (name.len() <= 255 && !userid.contains(&b'/')).then_some(name)
    });
    let special = (key(), select(&b"lllc"[..])).prop_map(|(key, kind)| file_name(kind, &key, LOCK));
    let almost = (key(), 0..5_u8).prop_map(|(key, which)| almost(&key, which).into_bytes());
    let node = prop_oneof![
        4 => (select(&[0o600, 0o644, 0o640][..]), select(&CONTENTS[..]))
            .prop_map(|(mode, bytes)| Node::File(mode, bytes.to_vec())),
        1 => Just(Node::Directory),
        1 => Just(Node::Pipe),
        1 => select(&TARGETS[..]).prop_map(|to| Node::Link(to.to_vec())),
    ];
    let lock = prop_oneof![
        4 => select(&CONTENTS[..]).prop_map(Node::private),
        1 => Just(Node::Directory),
        1 => Just(Node::Pipe),
        1 => select(&TARGETS[..]).prop_map(|to| Node::Link(to.to_vec())),
    ];
    prop_oneof![
        6 => (named, node).prop_map(|(name, node)| placed(name, node)),
        2 => (special, lock).prop_map(|(name, node)| Step::Plant(name, node)),
        1 => almost.prop_map(|name| Step::Plant(name, Node::private(b"another's"))),
        1 => Just(Step::Plant(b"elsewhere".to_vec(), Node::private(b"outside"))),
    ]
}

/// Plants a file in the place of a pipe into which libxl would write a value: libxl would wait for
/// ever if the value does not fit into the pipe.
fn placed(name: Vec<u8>, node: Node) -> Step {
    match node {
        Node::Pipe if name.starts_with(b"userdata-n") => Step::Plant(name, Node::private(b"")),
        node => Step::Plant(name, node),
    }
}

/// A name that is almost one of the domain's, or one of its device model's.
fn almost(key: &DomainKey, which: u8) -> String {
    let DomainKey { domid, uuid } = key;
    match which {
        0 => format!("userdata-d.{domid}.{}.xl", uuid.to_string().to_uppercase()),
        1 => format!("userdata-d.0{domid}.{uuid}.xl"),
        2 => format!("userdata-dd.{domid}.{uuid}.xl"),
        3 => format!("userdata-d.{domid}.{uuid}"),
        _ => format!("qemu-save.{domid}"),
    }
}
