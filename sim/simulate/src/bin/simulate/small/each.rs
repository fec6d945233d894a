//! Small scenarios with values of two domains that one call stores, in both layouts.

use userdata_core::DomainKey;
use userdata_core::file_name::NameFormat;
use userdata_core::store::{Durability, Keep};
use userdata_simulate::actor::{Request, Task, Whose};
use userdata_simulate::schedule::Bounds;

use super::{Part, Small, ask, first, ours, put, scenario, second, xl};

pub(super) fn all() -> Vec<Small> {
    let bounds = [(2, 0, false), (1, 1, false), (1, 0, true)];
    let bounds = bounds.map(|(preemptions, kills, power_cut)| Bounds {
        preemptions,
        kills,
        power_cut,
    });
    let formats = [NameFormat::Libxl, NameFormat::Tree];
    let of_format = |format| {
        let small = move |bounds| {
            pairs().into_iter().map(move |pair| {
                let mut scenario = scenario(pair);
                scenario.format = format;
                Small { scenario, bounds }
            })
        };
        bounds.into_iter().flat_map(small)
    };
    formats.into_iter().flat_map(of_format).collect()
}

fn pairs() -> Vec<[Part; 2]> {
    let one = || ours(vec![each([first(), second()], "one")]);
    let other = ours(vec![each([second(), first()], "two of them")]);
    let retrieve = |whose| Task::Userdata(whose, Request::Retrieve(xl()));
    let clear = || ask(Request::Clear(Keep::Nothing, Durability::Full));
    vec![
        [one(), other],
        [one(), ours(vec![put("a first value")])],
        [
            one(),
            ours(vec![
                retrieve(Whose::Exactly(second())),
                retrieve(Whose::Exactly(first())),
            ]),
        ],
        [one(), ours(vec![clear()])],
        [one(), ours(vec![ask(Request::Destroy(Durability::Full))])],
    ]
}

/// Stores a value of each of these domains, in this order.
fn each(domains: [DomainKey; 2], value: &str) -> Task {
    let value = |domain| (Whose::Exactly(domain), xl(), value.as_bytes().to_vec());
    let values = domains.map(value).to_vec();
    ask(Request::StoreEach(values, Durability::Full))
}
