//! Values of many domains, stored by one call.

use userdata::{Target, Userdata};
use userdata_core::store::Put;
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Domid, Hypervisor, Store, Uuid};

use super::Report;
use super::action::Slot;

/// The domain of the first of these values.
pub(super) const fn first_of(values: &[(Slot, Vec<u8>)]) -> DomainKey {
    match values.first() {
        Some((slot, _)) => slot.domain,
        None => DomainKey::new(Domid::ZERO, Uuid::nil()),
    }
}

/// Stores the values. Those of one domain follow each other.
pub(super) fn store_each<H: Hypervisor, S: Store>(
    userdata: &Userdata<H, S>,
    values: &[(Slot, Vec<u8>)],
) -> Report {
    let of_domains: Vec<(DomainKey, Vec<Put<'_>>)> = values
        .chunk_by(|(one, _), (next, _)| one.domain == next.domain)
        .map(|values| {
            let puts = values
                .iter()
                .filter_map(|(slot, value)| Some(Put::new(&slot.userid, NonEmpty::new(value)?)));
            (first_of(values), puts.collect())
        })
        .collect();
    let calls: Vec<(Target, &[Put<'_>])> = of_domains
        .iter()
        .map(|(domain, puts)| (Target::from(*domain), puts.as_slice()))
        .collect();
    let domains = of_domains.iter().map(|(domain, _)| *domain);
    let results = userdata.store_each(&calls);
    match results.len() == calls.len() {
        true => Report::StoredEach(domains.zip(results).collect()),
        false => Report::Nonsense("it has not one result for each domain".to_owned()),
    }
}
