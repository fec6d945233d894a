//! Boots a release in qemu, with a payload, and brings back its result.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::Args;

use super::image::Image;
use super::outcome::{Follow, Outcome};
use super::payload::Payload;
use super::run_dir::RunDir;
use crate::child::{self, Child, Interrupted};
use crate::progress::Lane;

/// How long a boot with its payload may take.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Limit {
    /// Seconds from the start of qemu until the result must be there
    #[arg(long = "limit", value_name = "SECONDS", default_value_t = 1800)]
    seconds: u64,
}

/// Xen's command line. One processor and no protection from side channels: no other user shares the
/// emulated machine, and emulation is slow enough.
const XEN: &str = "com1=115200,8n1 console=com1 dom0_max_vcpus=1 spec-ctrl=no xpti=no bootscrub=0";

/// dom0's command line.
const LINUX: &str = "console=hvc0 rdinit=/init panic=-1 mitigations=off quiet";

/// The emulated machine. Memory is in MiB.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    pub(super) cpu: &'static str,
    pub(super) memory: u32,
    pub(super) dom0_memory: u32,
}

impl Default for Machine {
    /// Room for Xen, dom0 and more than fifty small guests.
    ///
    /// smap=off: under emulation dom0's kernel, which Xen runs in ring 3, faults at its first iret.
    fn default() -> Self {
        Self {
            cpu: "max,smap=off",
            memory: 768,
            dom0_memory: 256,
        }
    }
}

/// A payload that ran to its end.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: u8,
    pub(super) took: Duration,
}

/// Boots, runs the payload, and leaves its logs and results in the run's folder. `print` gets each
/// line that the payload writes. It is an error if no result comes.
pub(super) fn boot(
    image: &Image,
    payload: &Payload,
    dir: &RunDir,
    limit: Limit,
    lane: &Lane,
    print: &dyn Fn(&str),
) -> Result<Ended> {
    let initrd = payload.initrd(image, dir)?;
    // Short, relative names: qemu ends a module's name at a space or comma.
    let link = |name, to| std::os::unix::fs::symlink(to, dir.path().join(name));
    link("xen", image.hypervisor()).and_then(|()| link("vmlinux", image.kernel()))?;
    let log = File::create(dir.path().join("qemu.log"))?;
    let mut qemu = child::command("qemu-system-x86_64");
    let Machine {
        cpu,
        memory,
        dom0_memory,
    } = image.machine;
    // tb-size: the cache of translated code, a gigabyte by default.
    qemu.args(["-accel", "tcg,thread=single,tb-size=256", "-cpu", cpu]);
    qemu.args(["-M", "pc", "-smp", "1", "-m", &memory.to_string()]);
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none"]);
    qemu.args(["-no-reboot", "-monitor", "none"]);
    qemu.args(["-serial", "file:console.log"]);
    for (name, file, port) in [
        ("output", "result.log", 0x500),
        ("out", "out.tar.gz", 0x501),
    ] {
        qemu.arg("-chardev")
            .arg(format!("file,id={name},path={file}"));
        qemu.arg("-device")
            .arg(format!("isa-debugcon,iobase={port:#x},chardev={name}"));
    }
    qemu.args(["-device", "isa-debug-exit,iobase=0x502,iosize=1"]);
    if payload.reaches_this_machine {
        qemu.args(["-netdev", "user,id=here"]);
        qemu.args(["-device", "e1000,netdev=here,romfile="]);
    }
    let xen = format!("{XEN} dom0_mem={dom0_memory}M,max:{dom0_memory}M");
    qemu.args(["-kernel", "xen", "-append", &xen]);
    qemu.arg("-initrd").arg(format!("vmlinux {LINUX},initrd"));
    qemu.current_dir(dir.path())
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log));

    lane.say("booting");
    let started = Instant::now();
    let mut console = Follow::new(dir.console());
    let mut output = Follow::new(dir.result());
    let mut follow = || {
        console.lines(|line| {
            if let Some((_, phase)) = line.strip_prefix("RIG ").and_then(|l| l.split_once(' ')) {
                lane.say(phase);
            }
        });
        output.lines(print);
    };
    let mut child = Child::start(&mut qemu, Duration::from_secs(limit.seconds))?;
    let ended = child.wait(&mut follow);
    drop(child);
    follow();
    fs::remove_file(&initrd).context("cannot remove the payload's archive")?;
    let why = match ended {
        Ok(status) => format!("qemu ended ({status})"),
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(error) => format!("{error:#}"),
    };
    let came = fs::read(dir.result()).unwrap_or_default();
    let outcome = Outcome::find(&came).ok_or_else(|| no_result(image, dir, &why))?;
    outcome.unpack(&dir.packed(), &dir.out())?;
    fs::remove_file(dir.packed()).context("cannot remove what is unpacked now")?;
    Ok(Ended {
        status: outcome.status,
        took: started.elapsed(),
    })
}

fn no_result(image: &Image, dir: &RunDir, why: &str) -> anyhow::Error {
    let log = |name: &str| {
        let bytes = fs::read(dir.path().join(name)).unwrap_or_default();
        child::tail(&String::from_utf8_lossy(&bytes), 25)
    };
    anyhow!(
        "no result from dom0 of Xen {}: {why}; the console ended with\n{}{}all of it is in {}",
        image.release,
        log("console.log"),
        log("qemu.log"),
        dir.path().display()
    )
}
