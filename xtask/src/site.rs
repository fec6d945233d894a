//! The documents as a site, in `target/site`.
//!
//! mdBook makes the pages from the files that `docs/SUMMARY.md` names. The report of the last
//! campaign and the plots of the last benchmark are copied beside them. Every link is followed, and
//! Chromium draws the first page.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::ci::log::Log;
use crate::ci::need::Need;
use crate::{child, project};

mod book;
mod links;

const LIMIT: Duration = Duration::from_secs(3600);

const MDBOOK: Need = Need::of(
    "mdbook",
    &[
        "cargo",
        "install",
        "--locked",
        "--debug",
        "--no-default-features",
        "--features=search",
        "mdbook",
    ],
);
const CHROMIUM: Need = Need::of("chromium", &["apt-get", "install", "chromium"]);

/// The smallest file that is a picture of a page with text; an empty page is far smaller.
const PICTURE_MIN: u64 = 20_000;

/// Options of `cargo xtask site`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Do not draw the first page in Chromium
    #[arg(long)]
    no_picture: bool,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut log = Log::create(&project::target().join("ci"), "site", LIMIT)?;
        let site = project::target().join("site");
        let measured = build(&site, &mut log)?;
        let links = links::check(&site)?;
        let mut out = io::stdout().lock();
        writeln!(out, "target/site/index.html: {links}")?;
        for file in measured {
            writeln!(out, "target/site/measured/{file}")?;
        }
        if !self.no_picture {
            draw(&site, &mut log)?;
            writeln!(out, "target/site/screenshot.png")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds the site, and returns the names of the reports and plots in it.
fn build(site: &Path, log: &mut Log) -> Result<Vec<String>> {
    MDBOOK.provide(log)?;
    let source = project::target().join("site-source");
    for folder in [&source, &site.to_path_buf()] {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
        }
    }
    let measured = measured(&source.join("src/measured"))?;
    book::write(project::root(), &source, &measured)?;
    let mut mdbook = child::command("mdbook");
    log.run(mdbook.arg("build").arg(&source).arg("--dest-dir").arg(site))?;
    Ok(measured)
}

/// Copies the report of the last campaign and the plots of the last benchmarks, as far as they
/// are there.
fn measured(to: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    let target = project::target();
    let mut found = Vec::new();
    let report = target.join("campaign/report.html");
    if report.is_file() {
        found.push((report, "campaign.html".to_owned()));
    }
    for folder in ["bench", "bench-peers"] {
        let Ok(folder) = fs::read_dir(target.join(folder)) else {
            continue;
        };
        for entry in folder {
            let path = entry.context("reading the folder of the benchmark")?.path();
            if path.extension() == Some(OsStr::new("svg")) {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                found.push((path.clone(), name.into_owned()));
            }
        }
    }
    found.sort();
    for (path, name) in &found {
        let copied = fs::copy(path, to.join(name));
        copied.with_context(|| format!("copying {}", path.display()))?;
    }
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// Draws the first page, and fails if the picture has nothing in it.
fn draw(site: &Path, log: &mut Log) -> Result<()> {
    CHROMIUM.provide(log)?;
    let picture = site.join("screenshot.png");
    let mut chromium = child::command("chromium");
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
    ]);
    chromium.arg("--window-size=1280,900");
    chromium.arg(format!("--screenshot={}", picture.display()));
    chromium.arg(format!("file://{}", site.join("index.html").display()));
    log.run(&mut chromium)?;
    let Ok(drawn) = fs::metadata(&picture) else {
        bail!("Chromium has drawn nothing");
    };
    let bytes = drawn.len();
    ensure!(
        bytes >= PICTURE_MIN,
        "Chromium has drawn an empty page: {bytes} bytes"
    );
    Ok(())
}
