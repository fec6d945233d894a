//! A tiny guest, created by real xl.

use std::fs;

use anyhow::{Context, Result};
use userdata_core::{DomainKey, Hypervisor as _};

use crate::{ours, program, xl};

/// What the guest does once it runs; see `nopv.S`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    /// Waits for ever.
    Waits,
    /// Powers off at once.
    PowersOff,
    /// Crashes at once.
    Crashes,
    /// Asks for a reboot, after a while.
    Reboots,
}

impl Does {
    /// What is said to it.
    const fn letter(self) -> &'static str {
        match self {
            Self::Waits => "",
            Self::PowersOff => "p",
            Self::Crashes => "c",
            Self::Reboots => "r",
        }
    }
}

/// A domain that exists for as long as this value does.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) domid: u32,
    pub(crate) key: DomainKey,
    name: String,
    gone: bool,
}

impl Guest {
    /// Creates a domain of this name, paused.
    pub(crate) fn create(name: &str) -> Result<Self> {
        Self::create_with(name, &config(name, Does::Waits, ""))
    }

    /// Creates a domain of this configuration, paused.
    pub(crate) fn create_with(name: &str, config: &str) -> Result<Self> {
        xl_create(name, config)?;
        Self::of_name(name)
    }

    /// Creates as many domains, paused.
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

    fn of_key(key: DomainKey, name: &str) -> Self {
        Self {
            domid: key.domid.get().into(),
            key,
            name: name.to_owned(),
            gone: false,
        }
    }

    /// Lets it run.
    pub(crate) fn run(&self) -> Result<()> {
        program::output(&["xl", "unpause", &self.domid.to_string()]).map(drop)
    }

    /// Destroys it with `xl destroy`, which has to succeed.
    pub(crate) fn destroy(mut self) -> Result<()> {
        self.gone = true;
        program::output(&["xl", "destroy", &self.domid.to_string()]).map(drop)
    }

    /// Waits until it is there no more.
    pub(crate) fn wait_until_gone(mut self) -> Result<()> {
        let what = format!("domain {} ({}) is gone", self.domid, self.name);
        // xl would be asked at the cost of the one processor that the domain's end needs, too.
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
            // Only after a failure, which is already reported; what is left is cleared there.
            let _ = program::run(&["xl", "destroy", &self.domid.to_string()], b"");
        }
    }
}

fn xl_create(name: &str, config: &str) -> Result<()> {
    let path = format!("/tmp/{name}.cfg");
    fs::write(&path, config).with_context(|| format!("cannot write {path}"))?;
    program::output(&["xl", "create", "-q", "-p", &path]).map(drop)
}

/// What xl reads about a domain, with lines of the check's own.
pub(crate) fn config(name: &str, does: Does, more: &str) -> String {
    format!(
        "name=\"{name}\"\ntype=\"pv\"\nkernel=\"/payload/nopv\"\nmemory=4\nextra=\"{}\"\n{more}\n",
        does.letter()
    )
}
