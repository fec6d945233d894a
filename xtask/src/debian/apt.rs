//! The packages of a release, fetched by the ordinary apt-get with its own lists and cache.
//!
//! Nothing is installed, and no file of the host's own apt is changed. apt checks the signature of
//! the suite. The checksums from its index are recorded beside the packages and checked before each
//! use.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::KEYRING;
use super::sums::Sums;
use crate::child::{self, Child};
use crate::progress::Lane;

/// How long apt may take for its lists, and for the packages.
const LISTS: Duration = Duration::from_secs(300);
const DOWNLOAD: Duration = Duration::from_secs(1800);

/// The source of the packages.
#[derive(Debug, Clone, Args)]
pub(crate) struct Source {
    /// The Debian mirror [default: the one that this machine's apt uses]
    #[arg(long, value_name = "URI", env = "DEBIAN_MIRROR")]
    mirror: Option<String>,
    /// Ask the mirror for newer packages, although complete ones are here
    #[arg(long)]
    refresh: bool,
}

/// Packages of one suite that are kept together.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Debian's name for the suite.
    pub(crate) suite: &'static str,
    /// The folder of apt's lists and cache.
    pub(crate) apt: PathBuf,
    /// The folder that they are in.
    pub(crate) dir: PathBuf,
    pub(crate) names: Vec<String>,
    /// Whether the suite's current kernel is one of them. Its name changes with every update.
    pub(crate) kernel: bool,
}

/// The packages of a selection: their folder, and their names with checksums.
#[derive(Debug)]
pub(crate) struct Packages {
    pub(crate) dir: PathBuf,
    pub(crate) sums: Sums,
}

/// Makes sure that the packages are here and undamaged.
pub(crate) fn packages(selection: Selection, source: &Source, lane: &Lane) -> Result<Packages> {
    let dir = selection.dir.clone();
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let sums = Sums::recorded(&dir);
    let broken = remove_broken(&dir, &sums)?;
    for name in &broken {
        lane.say(&format!("{name} is damaged or gone, fetching it again"));
    }
    if !source.refresh && broken.is_empty() && complete(&sums, &selection) {
        return Ok(Packages { dir, sums });
    }
    let suite = selection.suite;
    let sums = fetch(selection, source, lane)
        .with_context(|| format!("fetching Debian {suite}'s packages"))?;
    Ok(Packages { dir, sums })
}

/// Removes files that differ from the record, and prints their names.
fn remove_broken(dir: &Path, sums: &Sums) -> Result<Vec<String>> {
    let broken: Vec<String> = sums.broken(dir).into_iter().map(str::to_owned).collect();
    for name in &broken {
        let path = dir.join(name);
        if path.exists() {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(broken)
}

/// Whether the record has every package of the selection.
fn complete(sums: &Sums, selection: &Selection) -> bool {
    let has = |start: &str| sums.0.keys().any(|name| name.starts_with(start));
    let mut names = selection.names.iter();
    (!selection.kernel || has("linux-image-")) && names.all(|name| has(&format!("{name}_")))
}

fn fetch(selection: Selection, source: &Source, lane: &Lane) -> Result<Sums> {
    let apt = Apt::new(selection.suite, selection.apt, source)?;
    lane.say("reading package lists");
    apt.update()?;
    let (dir, mut names) = (&*selection.dir, selection.names);
    if selection.kernel {
        names.push(apt.kernel()?);
    }
    let wanted = apt.wanted(&names)?;
    // A file that is here but not wanted was replaced by a newer version.
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !wanted.sums.0.contains_key(&name) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    let missing = remove_broken(dir, &wanted.sums)?;
    if !missing.is_empty() {
        download(&apt, &missing, &wanted, dir, lane)?;
    }
    if let [first, ..] = wanted.sums.broken(dir).as_slice() {
        bail!("apt-get brought a {first} that is not what its index says");
    }
    wanted.sums.record(dir)?;
    Ok(wanted.sums)
}

/// Downloads the packages of these files.
fn download(apt: &Apt, files: &[String], wanted: &Wanted, dir: &Path, lane: &Lane) -> Result<()> {
    let names = files.iter().filter_map(|file| file.split('_').next());
    let bytes: u64 = files.iter().filter_map(|file| wanted.sizes.get(file)).sum();
    let (before, megabytes) = (bytes_in(dir), bytes.div_ceil(1_000_000));
    lane.say(&format!(
        "fetching {} of {} packages, {megabytes} MB",
        files.len(),
        wanted.sums.0.len()
    ));
    let mut command = apt.command("apt-get");
    command
        .args(["-qq", "download"])
        .args(names)
        .current_dir(dir);
    let mut child = Child::start(&mut command, DOWNLOAD)?;
    let status = child.wait(|| {
        let come = bytes_in(dir).saturating_sub(before) / 1_000_000;
        lane.moved(&format!("fetched {come} of {megabytes} MB"));
    })?;
    ensure!(status.success(), "apt-get download ended with {status}");
    Ok(())
}

fn bytes_in(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    files
        .filter_map(|entry| entry.metadata().ok())
        .map(|file| file.len())
        .sum()
}

/// apt with one suite, and folders of its own.
#[derive(Debug)]
struct Apt {
    dir: PathBuf,
    suite: &'static str,
}

/// The index's data about the packages.
#[derive(Debug)]
struct Wanted {
    sums: Sums,
    sizes: BTreeMap<String, u64>,
}

impl Apt {
    fn new(suite: &'static str, dir: PathBuf, source: &Source) -> Result<Self> {
        for folder in ["sources", "lists/partial", "cache/archives/partial"] {
            let folder = dir.join(folder);
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let mirror = match &source.mirror {
            Some(mirror) => mirror.clone(),
            None => host_mirror()?,
        };
        let entry = format!(
            "Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n"
        );
        fs::write(dir.join("sources/suite.sources"), entry)?;
        fs::write(dir.join("status"), "")?;
        Ok(Self { dir, suite })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = child::command(program);
        let dir = self.dir.display();
        for option in [
            format!("Dir::State::status={dir}/status"),
            "Dir::Etc::sourcelist=/dev/null".to_owned(),
            format!("Dir::Etc::sourceparts={dir}/sources"),
            format!("Dir::State::Lists={dir}/lists"),
            format!("Dir::Cache={dir}/cache"),
            "APT::Architecture=amd64".to_owned(),
            "APT::Architectures=amd64".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::Retries=3".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command.env("LC_ALL", "C").stdout(Stdio::null());
        command
    }

    fn update(&self) -> Result<()> {
        // Without the option a list that could not be fetched is only a warning.
        let mut command = self.command("apt-get");
        command.args(["-qq", "-o", "APT::Update::Error-Mode=any", "update"]);
        child::run(&mut command, LISTS).with_context(|| {
            format!(
                "the mirror has no usable lists of {}; --mirror URI names another mirror",
                self.suite
            )
        })
    }

    /// The package of the suite's current kernel.
    fn kernel(&self) -> Result<String> {
        let mut command = self.command("apt-cache");
        let text = child::output(command.args(["depends", "linux-image-amd64"]), LISTS)?;
        text.lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "))
            .find(|name| name.starts_with("linux-image-"))
            .map(str::to_owned)
            .context("linux-image-amd64 names no kernel")
    }

    /// Names, sizes and checksums of packages, from the signed index.
    fn wanted(&self, names: &[String]) -> Result<Wanted> {
        let mut command = self.command("apt-get");
        let text = child::output(
            command.args(["download", "--print-uris"]).args(names),
            LISTS,
        )?;
        let mut wanted = Wanted {
            sums: Sums::default(),
            sizes: BTreeMap::new(),
        };
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [_, name, bytes, sum] = words.as_slice() else {
                continue;
            };
            let sum = sum
                .strip_prefix("SHA256:")
                .with_context(|| format!("no SHA-256: {line}"))?;
            let bytes = bytes.parse().with_context(|| format!("no size: {line}"))?;
            wanted.sizes.insert((*name).to_owned(), bytes);
            wanted.sums.0.insert((*name).to_owned(), sum.to_owned());
        }
        ensure!(
            wanted.sums.0.len() == names.len(),
            "apt-get knows {} of {} packages",
            wanted.sums.0.len(),
            names.len()
        );
        Ok(wanted)
    }
}

/// The Debian mirror that this machine's own apt uses.
pub(crate) fn host_mirror() -> Result<String> {
    let mut command = child::command("apt-get");
    command.args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
    ]);
    let text = child::output(&mut command, LISTS)?;
    text.lines()
        .map(|line| line.trim_end_matches('/'))
        .find(|line| line.ends_with("/debian"))
        .map(str::to_owned)
        .context("this machine's apt uses no Debian mirror; name one with --mirror URI")
}
