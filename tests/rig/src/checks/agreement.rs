//! The domains according to hv-xen's backends, compared with those that xl shows.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use userdata_core::hypervisor::DomainNames;
use userdata_core::{DomainKey, Domid, Hypervisor, Life};

use crate::guest::{self, Does, Guest};
use crate::xl::{self, Listed};
use crate::{host, libxl, ours, program};

/// The release that the xenctrl backend is built for.
const XENCTRL: &str = "4.17.";

/// A domain, as far as each backend and xl describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    key: DomainKey,
    dead: bool,
    name: String,
}

/// Running domains: name, behaviour, further configuration, and the letter that xl shows.
const RUN: [(&str, Does, &str, char); 3] = [
    ("waits", Does::Waits, "", 'b'),
    ("off", Does::PowersOff, "on_poweroff=\"preserve\"", 's'),
    ("crashed", Does::Crashes, "on_crash=\"preserve\"", 'c'),
];

/// Devices that the privcmd backend does not need: it can lock pages instead, and xenfs has a file
/// `privcmd` too.
const DISPENSABLE: [&str; 2] = ["/dev/xen/hypercall", "/dev/xen/privcmd"];

const GIVEN: &str = "abcdef01-2345-6789-abcd-ef0123456789";

/// The host has a domain in every state that xl can show.
pub(super) fn both_backends_agree_with_xl_about_every_domain() -> Result<()> {
    let mut guests = Vec::new();
    for (name, does, more, _) in RUN {
        let guest = Guest::create_with(name, &guest::config(name, does, more))?;
        guest.run()?;
        guests.push(guest);
    }
    let uuid = format!("uuid=\"{}\"", GIVEN.to_uppercase());
    let paused = Guest::create_with("paused", &guest::config("paused", Does::Waits, &uuid))?;
    ensure!(
        paused.key.uuid.to_string() == GIVEN,
        "the uuid {GIVEN} was given, and xl shows {}",
        paused.key.uuid
    );
    guests.push(paused);
    reboot()?;
    let zombie = Guest::create("zombie")?;
    let zombie_domid = zombie.domid;
    let mapped = libxl::map_page(zombie_domid)?;
    zombie.destroy()?;

    let listed = settled()?;
    ensure!(listed.len() == 7, "xl shows not 7 domains: {listed:?}");
    compare(&listed)?;
    for device in DISPENSABLE {
        compare_without(device, &listed).with_context(|| format!("without {device}"))?;
    }
    let states: Vec<&str> = listed.iter().map(|listed| &*listed.state).collect();
    let states = states.join(" ");
    program::say(&format!("agreed about domains in the states {states}"))?;

    guests.push(Guest::of_name("reboots")?);
    guests.into_iter().try_for_each(Guest::destroy)?;
    mapped.kill()?;
    program::until("the zombie is gone", || {
        Ok(xl::domain(zombie_domid)?.is_none())
    })?;
    compare(&xl::domains()?)
}

/// Lets a domain reboot once.
fn reboot() -> Result<()> {
    const UUID: &str = "uuid=\"5e1f0b00-0000-4000-8000-0000000000bb\"";
    let config = |does| guest::config("reboots", does, UUID);
    let guest = Guest::create_with("reboots", &config(Does::Reboots))?;
    ours::store("reboots", "xl", config(Does::Waits).as_bytes())?;
    guest.run()?;
    guest.wait_until_gone()
}

/// Waits until every domain is in its state, and returns the list that xl shows then.
fn settled() -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    program::until("every domain is in its state", || {
        listed = xl::domains()?;
        let is = |name: &str, letter| {
            let named = |listed: &&Listed| listed.name.as_deref() == Some(name);
            listed.iter().find(named).is_some_and(|it| it.is(letter))
        };
        let run = RUN.iter().all(|&(name, _, _, letter)| is(name, letter));
        let dead = listed.iter().any(|listed| listed.is('d'));
        Ok(run && dead && is("paused", 'p') && is("reboots", 'b'))
    })
    .with_context(|| format!("{listed:?}"))?;
    Ok(listed)
}

/// Fails unless each backend has the domains that xl shows, and no domain for a free domid.
pub(super) fn compare(listed: &[Listed]) -> Result<()> {
    let shown: Vec<Seen> = listed.iter().map(of_xl).collect();
    let privcmd = by_privcmd()?;
    ensure!(
        privcmd == shown,
        "privcmd has {privcmd:?}, and xl shows {shown:?}"
    );
    if host::xen()?.starts_with(XENCTRL) {
        let xenctrl = by_xenctrl(listed)?;
        ensure!(
            xenctrl == shown,
            "xenctrl has {xenctrl:?}, and xl shows {shown:?}"
        );
    }
    Ok(())
}

/// Compares the privcmd backend alone, without one of its devices.
fn compare_without(device: &str, listed: &[Listed]) -> Result<()> {
    let away = format!("{device}.away");
    fs::rename(device, &away)?;
    let privcmd = by_privcmd();
    fs::rename(&away, device)?;
    let (privcmd, shown) = (privcmd?, listed.iter().map(of_xl).collect::<Vec<_>>());
    ensure!(
        privcmd == shown,
        "privcmd has {privcmd:?}, and xl shows {shown:?}"
    );
    Ok(())
}

fn of_xl(listed: &Listed) -> Seen {
    Seen {
        key: listed.key,
        dead: listed.is('d'),
        name: listed.name.clone().unwrap_or_default(),
    }
}

/// The domains of the privcmd backend. Its list and its look-ups have to agree.
fn by_privcmd() -> Result<Vec<Seen>> {
    let xen = ours::xen()?;
    let domains = xen.domains()?;
    let mut seen = Vec::new();
    for domain in &domains {
        let found = xen.domain(domain.key.domid)?;
        ensure!(
            found.as_ref() == Some(domain),
            "privcmd lists {domain:?} and looks up {found:?}"
        );
        seen.push(Seen {
            key: domain.key,
            dead: domain.life == Life::Dead,
            name: xen.name(domain.key.domid)?.unwrap_or_default(),
        });
    }
    // Free domids between two domains and after the last: before Xen 4.18 the hypervisor answers for
    // them with the next domain.
    let last = domains
        .last()
        .context("privcmd lists no domain")?
        .key
        .domid
        .get();
    for number in 0..last + 3 {
        let domid = Domid::new(number)?;
        if domains.iter().all(|domain| domain.key.domid != domid) {
            let found = xen.domain(domid)?;
            ensure!(
                found.is_none(),
                "domid {domid} is free, and privcmd has {found:?}"
            );
        }
    }
    Ok(seen)
}

/// The domains of the xenctrl backend, from a program that is linked with the release's libxenctrl. Its
/// list and its look-ups, those of free domids among them, have to agree.
fn by_xenctrl(listed: &[Listed]) -> Result<Vec<Seen>> {
    let text = program::output(&["domains", "xenctrl"])?;
    let last = listed.last().context("xl shows no domain")?.key.domid.get();
    let mut words = vec!["domains".to_owned(), "xenctrl".to_owned()];
    words.extend((0..last + 3).map(|domid| domid.to_string()));
    let looked_up = program::output(&words)?;
    ensure!(
        looked_up == text,
        "xenctrl lists {text}and looks up {looked_up}"
    );
    let mut seen = Vec::new();
    for line in text.lines().skip(1) {
        // Domid, uuid, life, whether the domain is leaving, and its name, if any.
        let words: Vec<&str> = line.split_whitespace().collect();
        let [domid, uuid, life, _, name @ ..] = words.as_slice() else {
            bail!("domains: {line}");
        };
        seen.push(Seen {
            key: format!("{domid}.{uuid}").parse()?,
            dead: *life == "dead",
            name: name.concat(),
        });
    }
    Ok(seen)
}
