//! Archives in which one bit was flipped.

use userdata::Userdata;
use userdata_archive::{Archive, Limits};
use userdata_core::store::{Clash, Put};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Hypervisor, Store, Userid, Value};

use super::report::Report;

/// The bytes of the value, which are found again in the archive.
const VALUE: &[u8] = b"a value of an archive";

/// Imports an archive in which one bit of the value was flipped, once for each bit of the value.
pub(super) fn import_damaged<H: Hypervisor, S: Store>(
    userdata: &Userdata<H, S>,
    domain: DomainKey,
) -> Report {
    let limits = Limits::new(1 << 20);
    let mut bytes = Vec::new();
    let written = Userid::new("xl")
        .ok()
        .and_then(|userid| Archive::new(domain, None, [(userid, Value::new(VALUE.to_vec()))]).ok())
        .and_then(|archive| archive.write(&mut bytes, &limits).ok());
    let value = bytes.windows(VALUE.len()).position(|part| part == VALUE);
    let (Some(()), Some(value)) = (written, value) else {
        return Report::Nonsense("the archive cannot be made".to_owned());
    };
    for bit in 0..8 * VALUE.len() {
        let mut damaged = bytes.clone();
        if let Some(byte) = damaged.get_mut(value + bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        let Ok(archive) = Archive::read(&*damaged, &limits) else {
            continue;
        };
        let values = archive.into_values();
        let puts = values.iter().filter_map(|(userid, value)| {
            NonEmpty::new(value.as_bytes()).map(|value| Put::new(userid, value))
        });
        let puts: Vec<Put<'_>> = puts.collect();
        return userdata
            .import(domain, &puts, Clash::Replace)
            .map_or_else(Report::Failed, Report::StoredAll);
    }
    Report::AllRefused
}
