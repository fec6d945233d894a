//! A tiny guest that real xl creates.

use std::fs;

use anyhow::{Context, Result};
use userdata_core::{DomainKey, Hypervisor as _, Life};

use crate::{bare, ours, program, xl};

/// The guest's behaviour once it runs; see `nopv.S`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    /// It waits for ever.
    Waits,
    /// It powers off at once.
    PowersOff,
    /// It crashes at once.
    Crashes,
    /// It asks for a reboot after a while.
    Reboots,
}

impl Does {
    /// The letter on its command line.
    const fn letter(self) -> &'static str {
        match self {
            Self::Waits => "",
            Self::PowersOff => "p",
            Self::Crashes => "c",
            Self::Reboots => "r",
        }
    }
}

/// A domain that exists as long as this value.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) domid: u32,
    pub(crate) key: DomainKey,
    name: String,
    gone: bool,
}

impl Guest {
    /// Creates a paused domain with this name.
    pub(crate) fn create(name: &str) -> Result<Self> {
        Self::create_with(name, &config(name, Does::Waits, ""))
    }

    /// Creates a paused domain with this configuration.
    pub(crate) fn create_with(name: &str, config: &str) -> Result<Self> {
        xl_create(name, config)?;
        Self::of_name(name)
    }

    /// Creates `count` paused domains.
    pub(crate) fn create_many(count: usize) -> Result<Vec<Self>> {
        for number in 0..count {
            let name = format!("many{number}");
            xl_create(&name, &config(&name, Does::Waits, ""))?;
        }
        let named = xl::named()?;
        let many = named
            .into_iter()
            .filter(|(_, name)| name.starts_with("many"));
        Ok(many.map(|(key, name)| Self::of_key(key, &name)).collect())
    }

    /// The domain that has this name now.
    pub(crate) fn of_name(name: &str) -> Result<Self> {
        let domains = xl::named()?;
        let found = domains.iter().find(|(_, its)| its == name);
        let (key, _) = found.with_context(|| format!("xl shows no domain {name}"))?;
        Ok(Self::of_key(*key, name))
    }

    /// The domain with this key and name.
    pub(crate) fn of_key(key: DomainKey, name: &str) -> Self {
        Self {
            domid: key.domid.get().into(),
            key,
            name: name.to_owned(),
            gone: false,
        }
    }

    /// Unpauses the domain.
    pub(crate) fn run(&self) -> Result<()> {
        program::output(&["xl", "unpause", &self.domid.to_string()]).map(drop)
    }

    /// Destroys the domain without libxl. No program removes its data.
    pub(crate) fn destroy_bare(mut self) -> Result<()> {
        self.gone = true;
        bare::destroy(&[self.key])
    }

    /// Whether the hypervisor still has the domain, alive.
    pub(crate) fn lives(&self) -> Result<bool> {
        let found = ours::xen()?.domain(self.key.domid)?;
        Ok(found.is_some_and(|domain| domain.key == self.key && domain.life == Life::Alive))
    }

    /// Destroys the domain with `xl destroy`, which has to succeed.
    pub(crate) fn destroy(mut self) -> Result<()> {
        self.gone = true;
        program::output(&["xl", "destroy", &self.domid.to_string()]).map(drop)
    }

    /// Waits until the domain is gone.
    pub(crate) fn wait_until_gone(mut self) -> Result<()> {
        let what = format!("domain {} ({}) is gone", self.domid, self.name);
        // Asking xl instead would take time on the one processor that the domain's end needs.
        let xen = ours::xen()?;
        program::until(&what, || {
            let found = xen.domain(self.key.domid)?;
            Ok(found.is_none_or(|domain| domain.key != self.key))
        })?;
        self.gone = true;
        Ok(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if !self.gone {
            // This happens after a failure only, which is already reported; `check` clears the
            // rest.
            let _ = program::run(&["xl", "destroy", &self.domid.to_string()], b"");
        }
    }
}

fn xl_create(name: &str, config: &str) -> Result<()> {
    let path = format!("/tmp/{name}.cfg");
    fs::write(&path, config).with_context(|| format!("cannot write {path}"))?;
    program::output(&["xl", "create", "-q", "-p", &path]).map(drop)
}

/// The configuration of a domain for xl, with further lines of the check.
pub(crate) fn config(name: &str, does: Does, more: &str) -> String {
    let letter = does.letter();
    format!("{}extra=\"{letter}\"\n{more}\n", kernel(name, "nopv"))
}

/// The same of a guest that does what xl tells it to, as Linux does: see `answering.c`.
pub(crate) fn answering(name: &str, more: &str) -> String {
    format!("{}{more}\n", kernel(name, "answering"))
}

fn kernel(name: &str, kernel: &str) -> String {
    format!("name=\"{name}\"\ntype=\"pv\"\nkernel=\"/payload/{kernel}\"\nmemory=4\n")
}
