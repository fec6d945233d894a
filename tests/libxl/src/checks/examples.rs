//! The shortest sequence that shows each difference.

use anyhow::{Context as _, Result, ensure};
use userdata_core::{DomainKey, Domid};

use crate::check::Subject;
use crate::differences;
use crate::setting::{LOCK, file_name};
use crate::step::{By, Call, Event, Step};
use crate::strategy::UUIDS;
use crate::tree::Node;
use crate::world;

pub(crate) fn every_difference_is_shown_by_its_example(subject: &Subject) -> Result<String> {
    for difference in differences::ALL {
        let name = difference.name;
        let domid = Domid::new(5)?;
        let mut steps = vec![Step::Happen(domid, Event::Create(UUIDS[0]))];
        steps.extend(example(name, domid).with_context(|| format!("{name} has no example"))?);
        let shown = world::take_all(&subject.driver, &steps)
            .with_context(|| format!("the example of {name}"))?;
        let last = shown.last().map(Vec::as_slice).unwrap_or_default();
        ensure!(last == [name], "the example of {name} shows {last:?}");
    }
    Ok(format!("{} differences", differences::ALL.len()))
}

/// Steps of which the last shows the difference of this name, and no other one.
pub(super) fn example(name: &str, domid: Domid) -> Option<Vec<Step>> {
    let key = DomainKey::new(domid, UUIDS[0]);
    let xl = || b"xl".to_vec();
    let by_us = |call| Step::Call(call, By::Us);
    let store = |userid: &[u8], data: &[u8]| {
        let (userid, data) = (userid.to_vec(), data.to_vec());
        by_us(Call::Store {
            domid,
            userid,
            data,
        })
    };
    let retrieve = |userid: &[u8]| {
        let userid = userid.to_vec();
        by_us(Call::Retrieve { domid, userid })
    };
    let remove = || {
        by_us(Call::Remove {
            domid,
            userid: xl(),
        })
    };
    let destroy = || by_us(Call::Destroy { domid });
    let plant = |kind, userid: &[u8], node| Step::Plant(file_name(kind, &key, userid), node);
    let happen = |event| Step::Happen(domid, event);
    Some(match name {
        "one temporary name" => {
            vec![
                plant(b'n', b"xl", Node::File(0o644, vec![])),
                store(b"xl", b"one"),
            ]
        }
        "temporary file left behind" => {
            vec![plant(b'd', b"xl", Node::Directory), store(b"xl", b"one")]
        }
        "temporary files of a killed lock holder" => vec![
            plant(b'l', LOCK, Node::private(b"")),
            plant(b'n', b"other", Node::private(b"half")),
            store(b"xl", b"one"),
        ],
        "bytes in a closing mark" => vec![
            plant(b'c', LOCK, Node::private(b"a value")),
            store(b"xl", b"one"),
        ],
        "nothing to remove" => vec![remove()],
        "positive code" => vec![plant(b'd', b"xl", Node::Directory), store(b"xl", b"")],
        "reading takes the lock" => vec![
            store(b"xl", b"one"),
            plant(b'l', LOCK, Node::Directory),
            retrieve(b"xl"),
        ],
        "pipe" => vec![plant(b'd', b"xl", Node::Pipe), retrieve(b"xl")],
        "link" => vec![
            plant(b'd', b"xl", Node::Link(b"elsewhere".to_vec())),
            Step::Plant(b"elsewhere".to_vec(), Node::private(b"outside")),
            retrieve(b"xl"),
        ],
        "size limit" => vec![store(b"xl", &[0; (1 << 20) + 1])],
        "the lock's name in a userid" => vec![
            plant(b'd', b"x-domain-userdata-lock-y", Node::private(b"one")),
            destroy(),
        ],
        "kind that is not a letter" => vec![plant(b'1', b"xl", Node::private(b"one")), destroy()],
        "link to a directory" => {
            vec![plant(b'd', b"xl", Node::Link(b".".to_vec())), destroy()]
        }
        "the device model's state" => {
            vec![
                Step::Plant(b"qemu-save.5".to_vec(), Node::private(b"one")),
                destroy(),
            ]
        }
        "destroy that reports" => vec![plant(b'd', b"xl", Node::Directory), destroy()],
        "leaving domain" => vec![happen(Event::Leave), store(b"xl", b"one")],
        "lock that is not a regular file" => {
            vec![plant(b'l', LOCK, Node::Pipe), store(b"xl", b"one")]
        }
        "destroy needs the lock" => vec![plant(b'l', LOCK, Node::Directory), destroy()],
        "no such domain" => vec![happen(Event::Vanish), store(b"xl", b"one")],
        "dead domain" => vec![happen(Event::Die), store(b"xl", b"one")],
        "userid of a lock" => vec![store(b"x-domain-userdata-lock-y", b"one")],
        "libxl-json" => vec![store(b"libxl-json", b"{}\0")],
        "characters of a userid" => vec![store(b"a b", b"one")],
        "length of a userid" => vec![store(&[b'x'; 129], b"one")],
        "slash" => vec![retrieve(b"../x")],
        "negative length" => vec![by_us(Call::StoreNegative {
            domid,
            userid: xl(),
        })],
        _ => return None,
    })
}
