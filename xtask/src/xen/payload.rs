//! What is run in a dom0: a second archive, which the kernel unpacks over the first.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::archive::Archive;
use super::image::Image;
use super::run_dir::RunDir;
use super::wanted::LIBRARIES;
use crate::{child, project};

const COMPILE: Duration = Duration::from_secs(60);

/// The folder `/payload`: `run`, the programs that use the release's own libxl, a guest, and what
/// else is added.
#[derive(Debug)]
pub(super) struct Payload {
    archive: Archive,
    /// Whether dom0 reaches the servers on 127.0.0.1 of this machine, as 10.0.2.2.
    pub(super) reaches_this_machine: bool,
}

impl Payload {
    /// Compiles the programs against the release's own headers and libraries.
    pub(super) fn new(image: &Image, dir: &RunDir) -> Result<Self> {
        let mut payload = Self {
            archive: Archive::default(),
            reaches_this_machine: false,
        };
        let sources = project::root().join("xtask/xen");
        let init = sources.join("init");
        let text =
            fs::read_to_string(&init).with_context(|| format!("cannot read {}", init.display()))?;
        payload.archive.text("init", 0o755, &text);
        payload.archive.folder("payload/out");
        let programs = dir.path().join("programs");
        fs::create_dir(&programs).with_context(|| format!("cannot make {}", programs.display()))?;
        let mut made = Vec::new();
        for entry in fs::read_dir(&sources)? {
            let source = entry?.path();
            if source.extension().and_then(OsStr::to_str) == Some("c") {
                let program = programs.join(source.file_stem().unwrap_or_default());
                compile(image, &source, &program)?;
                made.push(program);
            }
        }
        for entry in fs::read_dir(sources.join("guests"))? {
            let source = entry?.path();
            let program = programs.join(source.file_stem().unwrap_or_default());
            compile_guest(image, &source, &program)?;
            made.push(program);
        }
        made.iter().try_for_each(|program| payload.add(program))?;
        Ok(payload)
    }

    /// Sets what is run: a shell script.
    pub(super) fn run(&mut self, script: &str) {
        self.archive
            .text("payload/run", 0o755, &format!("#!/bin/sh\n{script}\n"));
    }

    /// Adds a file of this text.
    pub(super) fn add_text(&mut self, name: &str, text: &str) {
        self.archive.text(&format!("payload/{name}"), 0o644, text);
    }

    /// Adds a file or a folder, under its own name.
    pub(super) fn add(&mut self, path: &Path) -> Result<()> {
        let name = path.file_name().and_then(OsStr::to_str);
        let name = name.with_context(|| format!("{} has no plain name", path.display()))?;
        ensure!(
            !["init", "out", "run"].contains(&name),
            "{}: the rig uses this name itself",
            path.display()
        );
        self.add_as(name, path)
    }

    /// Adds a file or a folder under a name.
    pub(super) fn add_as(&mut self, name: &str, path: &Path) -> Result<()> {
        let about =
            fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        let to = format!("payload/{name}");
        if about.is_dir() {
            self.archive.folder(&to);
            return self.archive.tree(&to, path, &|_| true);
        }
        self.archive.copy(&to, path);
        Ok(())
    }

    /// Writes dom0's archives and this one as one file for the kernel.
    pub(super) fn initrd(&self, image: &Image, dir: &RunDir) -> Result<PathBuf> {
        let path = dir.path().join("initrd");
        let failed = || format!("cannot write {}", path.display());
        let mut file = File::create(&path).with_context(failed)?;
        for archive in image.dom0() {
            let mut archive = File::open(&archive)
                .with_context(|| format!("cannot read {}", archive.display()))?;
            io::copy(&mut archive, &mut file).with_context(failed)?;
            align(&mut file)?;
        }
        let mut archive = Vec::new();
        self.archive.write(&mut archive)?;
        file.write_all(&archive)?;
        Ok(path)
    }
}

/// An archive begins at a multiple of four; zeros between two are passed over.
fn align(file: &mut File) -> Result<()> {
    let odd = usize::try_from(file.metadata()?.len() % 4)?;
    file.write_all([0; 4].get(..(4 - odd) % 4).unwrap_or_default())?;
    Ok(())
}

/// A compiler that uses the release's headers and libraries.
pub(super) fn gcc(image: &Image) -> Command {
    let root = image.sysroot();
    let libraries = root.join(LIBRARIES);
    let mut gcc = child::command("gcc");
    // A compiler for this very machine looks into the machine's own folders, too, unless told
    // where to look first.
    gcc.arg(format!("--sysroot={}", root.display()));
    gcc.arg("-B").arg(&libraries).arg("-L").arg(&libraries);
    gcc.args(["-std=gnu11", "-O1", "-Wall", "-Wextra"]);
    gcc
}

fn compile(image: &Image, source: &Path, program: &Path) -> Result<()> {
    let mut gcc = gcc(image);
    gcc.arg("-o").arg(program).arg(source);
    gcc.arg("-Wl,--as-needed").args([
        "-lxenlight",
        "-lxenctrl",
        "-lxenforeignmemory",
        "-lxenstore",
        "-lxentoollog",
        "-ldl",
    ]);
    child::run(&mut gcc, COMPILE).with_context(|| format!("compiling {}", source.display()))
}

/// A guest has no libraries, no page tables of its own and no interrupts, and its code begins at an
/// address that the guests' sources agree with.
fn compile_guest(image: &Image, source: &Path, program: &Path) -> Result<()> {
    let mut gcc = gcc(image);
    gcc.args(["-ffreestanding", "-nostdlib", "-static", "-no-pie"]);
    gcc.args(["-fno-pic", "-fno-stack-protector", "-fcf-protection=none"]);
    gcc.args(["-fno-asynchronous-unwind-tables", "-mgeneral-regs-only"]);
    gcc.args(["-mno-red-zone", "-Wl,--build-id=none"]);
    gcc.args([
        "-Wl,-Ttext=0x101000",
        "-Wl,--section-start=.note.Xen=0x110000",
    ]);
    gcc.arg("-o").arg(program).arg(source);
    child::run(&mut gcc, COMPILE).with_context(|| format!("compiling {}", source.display()))
}
