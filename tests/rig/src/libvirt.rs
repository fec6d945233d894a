//! libvirt's daemon and virsh, with libxl's functions for userdata or with those of the drop-in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::guest::Guest;
use crate::program::{self, Ended, Program};
use crate::{drop_in, host};

/// The messages of libxl in the daemon.
const LOG: &str = "/var/log/libvirt/libxl/libxl-driver.log";

/// The userid under which libvirt stores a domain's XML.
const USERID: &str = "libvirt-xml";

/// The name of the checks' domain, and its uuid.
const NAME: &str = "web";
const UUID: &str = "5e1f0b00-0000-4000-8000-0000000000cc";

/// Whose `libxl_userdata_store`, `_retrieve` and `_unlink` the daemon calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Functions {
    Libxl,
    /// The drop-in's, with its probe.
    DropIn,
}

impl Functions {
    /// Fails unless the drop-in made exactly these calls since the last question, in any order;
    /// none, if the functions are libxl's own.
    pub(crate) fn ensure_calls(self, expected: &[String]) -> Result<()> {
        let mut calls = calls()?;
        let mut expected = expected.to_vec();
        if self == Self::Libxl {
            expected.clear();
        }
        calls.sort();
        expected.sort();
        ensure!(
            calls == expected,
            "the calls were {calls:?} instead of {expected:?}"
        );
        Ok(())
    }
}

/// The calls of the daemon since the last question, if it has the drop-in.
pub(crate) fn calls() -> Result<Vec<String>> {
    let calls = drop_in::calls()?;
    drop_in::forget_calls()?;
    Ok(calls)
}

/// A call of the daemon as the drop-in writes it: `store` or `retrieve`, and the code returned.
pub(crate) fn call(name: &str, domid: u32, code: i32) -> String {
    format!("libxl_userdata_{name} {domid} {USERID}: {code}")
}

/// A running daemon, which ends with this value.
#[derive(Debug)]
pub(crate) struct Daemon(Program);

impl Daemon {
    /// Starts the first daemon of a check, which knows no domain but dom0.
    pub(crate) fn first(functions: Functions) -> Result<Self> {
        Self::first_with(functions, &[])
    }

    /// As [`Daemon::first`], with these variables in its environment.
    pub(crate) fn first_with(functions: Functions, variables: &[&str]) -> Result<Self> {
        for folder in ["/etc/libvirt/libxl", "/run/libvirt/libxl"] {
            if Path::new(folder).exists() {
                fs::remove_dir_all(folder).with_context(|| format!("cannot remove {folder}"))?;
            }
        }
        calls()?;
        Self::start(functions, variables)
    }

    /// Starts another daemon after the first has ended.
    pub(crate) fn again(functions: Functions) -> Result<Self> {
        Self::start(functions, &[])
    }

    fn start(functions: Functions, variables: &[&str]) -> Result<Self> {
        let words = [&["env"], variables, &["/usr/sbin/libvirtd"]].concat();
        let program = match functions {
            Functions::Libxl => Program::start(&words, b"")?,
            Functions::DropIn => Program::start(&drop_in::probed(&words), b"")?,
        };
        let mut daemon = Self(program);
        program::until("libvirtd answers", || {
            ensure!(!daemon.0.ended()?, "libvirtd ended");
            Ok(virsh(&["version"])?.status.success())
        })?;
        Ok(daemon)
    }

    /// Fails unless the daemon still answers.
    pub(crate) fn ensure_lives(&mut self) -> Result<()> {
        ensure!(!self.0.ended()?, "libvirtd ended");
        virsh(&["version"])?.expect(0, "virsh version")
    }

    /// Ends the daemon with SIGTERM.
    pub(crate) fn stop(self) -> Result<()> {
        program::output(&["kill", &self.0.pid().to_string()])?;
        self.0.wait()?.expect(0, "libvirtd")
    }

    /// Ends the daemon with SIGKILL.
    pub(crate) fn kill(self) -> Result<()> {
        self.0.kill().map(drop)
    }
}

/// Runs virsh with these words.
pub(crate) fn virsh(words: &[&str]) -> Result<Ended> {
    program::run(
        &[&["virsh", "-q", "-c", "xen:///system"], words].concat(),
        b"",
    )
}

/// The same, which has to succeed. Returns what virsh prints.
pub(crate) fn output(words: &[&str]) -> Result<String> {
    let ended = virsh(words)?;
    ended.expect(0, &format!("virsh {}", words.join(" ")))?;
    Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned())
}

/// Defines the checks' domain, with a guest that obeys its toolstack.
pub(crate) fn define() -> Result<()> {
    let path = "/tmp/web.xml";
    let xml = format!(
        "<domain type='xen'><name>{NAME}</name><uuid>{UUID}</uuid>\
         <memory unit='MiB'>16</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64' machine='xenpv'>linux</type>\
         <kernel>/payload/answering</kernel></os>\
         <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>\
         <on_crash>destroy</on_crash></domain>"
    );
    fs::write(path, xml).with_context(|| format!("cannot write {path}"))?;
    output(&["define", path]).map(drop)
}

/// Tries to start the checks' domain.
pub(crate) fn try_start() -> Result<Ended> {
    virsh(&["start", NAME])
}

/// Starts the checks' domain.
pub(crate) fn start() -> Result<Guest> {
    output(&["start", NAME])?;
    Guest::of_name(NAME)
}

/// Asks the guest to reboot.
pub(crate) fn reboot() -> Result<()> {
    output(&["reboot", NAME]).map(drop)
}

/// Destroys the domain with virsh, and fails if the domain leaves a file.
pub(crate) fn destroy(guest: Guest) -> Result<()> {
    let domid = guest.domid;
    end(guest)?;
    let left = host::files(Some(domid))?;
    ensure!(left.is_empty(), "virsh destroy left {left:?}");
    Ok(())
}

/// Destroys the domain with virsh.
pub(crate) fn end(guest: Guest) -> Result<()> {
    output(&["destroy", NAME])?;
    guest.wait_until_gone()
}

/// Removes the definition of the checks' domain, which does not run.
pub(crate) fn undefine() -> Result<()> {
    output(&["undefine", NAME])?;
    let listed = output(&["list", "--all", "--name"])?;
    ensure!(listed == "Domain-0", "libvirt lists {listed:?}");
    Ok(())
}

/// Fails unless libvirt shows the checks' domain in this state, such as "running".
pub(crate) fn ensure_state(state: &str) -> Result<()> {
    let seen = output(&["domstate", NAME])?;
    ensure!(seen == state, "libvirt shows the domain as {seen}");
    Ok(())
}

/// The domid under which libvirt knows the checks' domain, if it runs.
pub(crate) fn domid() -> Result<Option<u32>> {
    Ok(output(&["domid", NAME])?.parse().ok())
}

/// The file in which libvirt keeps the XML of the checks' domain, if it has this domid.
pub(crate) fn file(domid: u32) -> PathBuf {
    Path::new(host::DIRECTORY).join(format!("userdata-d.{domid}.{UUID}.{USERID}"))
}

/// Fails unless a message of libxl, or of the drop-in through libxl's logger, has these words.
pub(crate) fn ensure_logged(words: &str) -> Result<()> {
    let log = fs::read_to_string(LOG).with_context(|| format!("no {LOG}"))?;
    ensure!(log.contains(words), "{LOG} does not have {words:?}: {log}");
    Ok(())
}
