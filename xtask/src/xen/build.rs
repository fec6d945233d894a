//! `cargo xtask xen build` and `cargo xtask xen boot-check`.

use anyhow::{Result, ensure};

use super::boot::{self, Limit};
use super::payload::Payload;
use super::release::Release;
use super::run_dir::RunDir;
use super::{image, lanes, tools};
use crate::debian::apt::Source;
use crate::progress::Screen;

/// Makes the releases ready to boot.
pub(super) fn build(releases: &[Release], source: &Source) -> Result<u8> {
    tools::ensure()?;
    let screen = Screen::new();
    for (release, image) in lanes::each(releases, &screen, |release, lane| {
        image::ready(release, source, lane)
    }) {
        screen.print(&format!(
            "xen {release}: {}",
            image?.sysroot().with_file_name("").display()
        ));
    }
    Ok(0)
}

/// Boots the releases, and lets each create, list and destroy a domain.
pub(super) fn boot_check(releases: &[Release], source: &Source, limit: Limit) -> Result<u8> {
    tools::ensure()?;
    let screen = Screen::new();
    for (release, ended) in lanes::each(releases, &screen, |release, lane| {
        let image = image::ready(release, source, lane)?;
        let dir = RunDir::take(release, "boot-check")?;
        let mut payload = Payload::new(&image, &dir)?;
        payload.run(CHECK);
        let ended = boot::boot(&image, &payload, &dir, limit, lane, &|line| {
            lane.print_marked(line)
        })?;
        ensure!(ended.status == 0, "the check ended with {}", ended.status);
        Ok(ended)
    }) {
        screen.print(&format!(
            "xen {release}: fine, {:.1} s",
            ended?.took.as_secs_f64()
        ));
    }
    Ok(0)
}

const CHECK: &str = r#"set -e
printf 'name="check"\ntype="pv"\nkernel="/payload/nopv"\nmemory=4\n' > /tmp/check.cfg
xl create -q -p /tmp/check.cfg
xl list
xl destroy check
xl list | grep -q Domain-0"#;
