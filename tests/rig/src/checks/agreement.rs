//! What the backends of hv-xen tell of the domains, against what xl shows.

use anyhow::{Context, Result, bail, ensure};
use userdata_core::{DomainKey, DomainNames, Domid, Hypervisor, Life};

use crate::guest::{self, Does, Guest};
use crate::xl::{self, Listed};
use crate::{host, libxl, ours, program};

/// The release whose headers and libraries the xenctrl backend is built with.
const XENCTRL: &str = "4.17.";

/// A domain, as each backend and xl can tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    key: DomainKey,
    dead: bool,
    name: String,
}

/// A domain in every state that xl can show, all at once.
pub(super) fn both_backends_agree_with_xl_about_every_domain() -> Result<()> {
    const UUID: &str = "uuid=\"ABCDEF01-2345-6789-abcd-ef0123456789\"";
    const REBOOTS: &str = "uuid=\"5e1f0b00-0000-4000-8000-0000000000bb\"";
    let config = guest::config;

    let waits = Guest::create("waits")?;
    waits.run()?;
    let paused = Guest::create_with("paused", &config("paused", Does::Waits, UUID))?;
    let off = config("off", Does::PowersOff, "on_poweroff=\"preserve\"");
    let off = Guest::create_with("off", &off)?;
    off.run()?;
    let crashed = config("crashed", Does::Crashes, "on_crash=\"preserve\"");
    let crashed = Guest::create_with("crashed", &crashed)?;
    crashed.run()?;
    let reboots = config("reboots", Does::Reboots, REBOOTS);
    let reboots = Guest::create_with("reboots", &reboots)?;
    let waits_then = config("reboots", Does::Waits, REBOOTS);
    ours::store("reboots", "xl", waits_then.as_bytes())?;
    reboots.run()?;
    reboots.wait_until_gone()?;
    let zombie = Guest::create("zombie")?;
    let zombie_domid = zombie.domid;
    let mapped = libxl::map_page(zombie_domid)?;
    zombie.destroy()?;

    let mut last = Vec::new();
    program::until("every domain is in its state", || {
        last = xl::domains()?;
        let state = |name: &str, letter| {
            let found = last
                .iter()
                .find(|listed| listed.name.as_deref() == Some(name));
            found.is_some_and(|listed| listed.is(letter))
        };
        let dying = last.iter().any(|listed| listed.is('d'));
        Ok(state("waits", 'b')
            && state("paused", 'p')
            && state("off", 's')
            && state("crashed", 'c')
            && state("reboots", 'b')
            && dying)
    })
    .with_context(|| format!("{last:?}"))?;
    ensure!(last.len() == 7, "xl shows {} domains: {last:?}", last.len());
    let given = last.iter().find(|listed| listed.key == paused.key);
    let given = given
        .context("the domain of a given uuid is gone")?
        .key
        .uuid;
    ensure!(
        given.to_string() == "abcdef01-2345-6789-abcd-ef0123456789",
        "the uuid that was given became {given}"
    );

    compare(&last)?;
    let agreed: Vec<String> = last.iter().map(|listed| listed.state.clone()).collect();
    program::say(&format!(
        "agreed about domains in the states {}",
        agreed.join(" ")
    ))?;

    let reboots = Guest::of_name("reboots")?;
    for guest in [waits, paused, off, crashed, reboots] {
        guest.destroy()?;
    }
    mapped.kill()?;
    program::until("the zombie is gone", || {
        Ok(xl::domain(zombie_domid)?.is_none())
    })?;
    compare(&xl::domains()?)
}

/// Fails unless each backend tells what xl shows, and nothing of a domid that is free.
pub(super) fn compare(listed: &[Listed]) -> Result<()> {
    let shown: Vec<Seen> = listed.iter().map(of_xl).collect();
    let privcmd = by_privcmd()?;
    ensure!(
        privcmd == shown,
        "privcmd tells {privcmd:?}, and xl shows {shown:?}"
    );
    if host::xen()?.starts_with(XENCTRL) {
        let xenctrl = by_xenctrl()?;
        ensure!(
            xenctrl == shown,
            "xenctrl tells {xenctrl:?}, and xl shows {shown:?}"
        );
    }
    Ok(())
}

fn of_xl(listed: &Listed) -> Seen {
    Seen {
        key: listed.key,
        dead: listed.is('d'),
        name: listed.name.clone().unwrap_or_default(),
    }
}

/// The privcmd backend: the list, and each look-up, which may not differ from it.
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
    // Between two domains, and behind the last: before Xen 4.18 the hypervisor answers with the
    // next one.
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
                "domid {domid} is free, and privcmd tells {found:?}"
            );
        }
    }
    Ok(seen)
}

/// The xenctrl backend: a program of its own, which is linked with the release's libxenctrl.
fn by_xenctrl() -> Result<Vec<Seen>> {
    let text = program::output(&["domains", "xenctrl"])?;
    let mut seen = Vec::new();
    for line in text.lines().skip(1) {
        // Domid, uuid, life, whether it is leaving, and the name, if it has one.
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
