//! A host with many domains.

use anyhow::{Context, Result, ensure};
use userdata_core::Hypervisor;
use userdata_core::store::Keep;

use super::agreement;
use crate::bare::BareDomains;
use crate::guest::Guest;
use crate::ours::USERID;
use crate::system_calls::ioctls;
use crate::{ours, program, xl};

const DOMAINS: usize = 50;

/// How many of them xl creates. Another toolstack creates the others, because xl takes a second or more
/// for one on an emulated machine.
const OF_XL: usize = 5;

/// The most ioctls of a list, and of a look-up after the first.
const CALLS_MAX: usize = 2;

pub(super) fn a_look_up_and_a_list_of_50_domains_take_two_calls_at_most() -> Result<()> {
    // Domain 0 is one of them.
    let guests = Guest::create_many(OF_XL)?;
    let bare = BareDomains::create(DOMAINS - 1 - OF_XL)?;
    let of_xl = guests.iter().map(|guest| (guest.key, 2));
    // xl's domains have a value libxl-json too.
    let keys: Vec<_> = of_xl
        .chain(bare.keys().iter().map(|key| (*key, 1)))
        .collect();
    let listed = xl::domains()?;
    ensure!(listed.len() == DOMAINS, "xl shows {} domains", listed.len());
    agreement::compare(&listed)?;

    let (opening, xen) = ioctls(ours::xen)?;
    ensure!(opening > 0, "the kernel counts no call at all");
    let (first, _) = ioctls(|| Ok(xen.domains()?))?;
    let (list, domains) = ioctls(|| Ok(xen.domains()?))?;
    ensure!(
        domains.len() == DOMAINS,
        "a list of {} domains",
        domains.len()
    );
    let middle = domains
        .get(DOMAINS / 2)
        .context("no domain in the middle")?;
    let (look_up, found) = ioctls(|| Ok(xen.domain(middle.key.domid)?))?;
    ensure!(
        found.as_ref() == Some(middle),
        "listed {middle:?}, looked up {found:?}"
    );
    program::say(&format!(
        "ioctls: {opening} to open, {look_up} for a look-up, {first} for the first list of \
         {DOMAINS} domains, {list} for the next"
    ))?;
    ensure!(
        look_up > 0 && look_up <= CALLS_MAX,
        "a look-up takes {look_up} ioctls"
    );
    ensure!(list > 0 && list <= CALLS_MAX, "a list takes {list} ioctls");
    ensure!(first <= CALLS_MAX, "the first list takes {first} ioctls");

    for (key, _) in &keys {
        ours::store(&key.domid.to_string(), USERID, key.to_string().as_bytes())?;
    }
    let (library, userid) = (ours::library(xen)?, ours::userid()?);
    let ended = ours::command(&["list"], b"")?;
    ended.expect(0, "userdata list")?;
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    for (key, values) in &keys {
        let value = library.retrieve(key.domid, &userid)?;
        ensure!(
            value.is_some_and(|value| value.as_bytes() == key.to_string().as_bytes()),
            "domain {key} has the value of another"
        );
        let uuid = key.uuid.to_string();
        let shown = text.lines().filter(|line| line.contains(&uuid)).count();
        ensure!(
            shown == *values,
            "userdata list shows {shown} values of {key}"
        );
    }
    guests.into_iter().try_for_each(Guest::destroy)?;
    let keys = bare.keys().to_vec();
    bare.destroy()?;
    for key in keys {
        let cleared = library.clear(key, Keep::Nothing)?;
        ensure!(cleared.removed.len() == 1, "{key}: cleared {cleared:?}");
    }
    Ok(())
}
