//! Every call after every other call, by libxl and by this library in turn.

use anyhow::{Context as _, Result};
use userdata_core::Domid;

use crate::check::Subject;
use crate::step::{By, Call, Event, Step};
use crate::strategy::UUIDS;
use crate::world;

/// Every call, in every variant that behaves differently.
fn calls(domid: Domid) -> Vec<Call> {
    let userid = || b"xl".to_vec();
    let store = |data: &[u8]| Call::Store {
        domid,
        userid: userid(),
        data: data.to_vec(),
    };
    vec![
        store(b"one"),
        store(&[7; 65537]),
        store(b""),
        Call::Retrieve {
            domid,
            userid: userid(),
        },
        Call::Remove {
            domid,
            userid: userid(),
        },
        Call::Destroy { domid },
    ]
}

/// Every ordered pair of calls in one directory, by this library and then by libxl or the reverse, with
/// and without a value, has the results of libxl alone. Afterwards both read the same value.
pub(crate) fn every_pair_of_calls_does_what_libxl_alone_does(subject: &Subject) -> Result<String> {
    let domid = Domid::new(5)?;
    let read = |by| {
        let userid = b"xl".to_vec();
        Step::Call(Call::Retrieve { domid, userid }, by)
    };
    let mut pairs = 0;
    for first in calls(domid) {
        for second in calls(domid) {
            for order in [[By::Us, By::Libxl], [By::Libxl, By::Us]] {
                for stored in [None, Some(By::Us), Some(By::Libxl)] {
                    let mut steps = vec![Step::Happen(domid, Event::Create(UUIDS[0]))];
                    let there = |by| {
                        let (userid, data) = (b"xl".to_vec(), b"there before".to_vec());
                        Step::Call(
                            Call::Store {
                                domid,
                                userid,
                                data,
                            },
                            by,
                        )
                    };
                    steps.extend(stored.map(there));
                    let [one, other] = order;
                    steps.push(Step::Call(first.clone(), one));
                    steps.push(Step::Call(second.clone(), other));
                    steps.extend([read(By::Us), read(By::Libxl)]);
                    // The same domid and uuid again: no data of the earlier domain may be left.
                    steps.push(Step::Happen(domid, Event::Create(UUIDS[0])));
                    steps.extend([read(By::Us), read(By::Libxl)]);
                    world::take_all(&subject.driver, &steps)
                        .with_context(|| format!("{steps:#?}"))?;
                    pairs += 1;
                }
            }
        }
    }
    Ok(format!("{pairs} sequences"))
}
