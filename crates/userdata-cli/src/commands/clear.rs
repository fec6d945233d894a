//! `userdata clear`.

use userdata::store::{Cleared, Entry, Keep};

use crate::arguments::Clear;
use crate::chain::chain;
use crate::document;
use crate::failure::Failure;
use crate::options::Options;
use crate::output::Output;
use crate::status::Status;
use crate::userid::shown;

impl Clear {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let host = options.host()?;
        let domain = options.key(&self.domain, &host)?;
        let userdata = options.userdata(&host)?;
        let keep = if self.all {
            Keep::Nothing
        } else {
            Keep::Essential
        };
        let cleared = userdata.clear(domain, keep)?;
        let kept = userdata.list(domain)?;
        let document = || document::Cleared {
            domain: domain.into(),
            cleared: (&cleared).into(),
            kept: kept.iter().map(|entry| (&entry.userid).into()).collect(),
        };
        output.show_either(document, || {
            format!("{}{}", removed_lines(&cleared), kept_lines(&kept, &cleared))
        })?;
        Ok(report(&cleared, output))
    }
}

/// The lines that say what was removed.
pub(super) fn removed_lines(cleared: &Cleared) -> String {
    let lines = cleared.removed.iter().map(shown);
    let mut text: String = lines.map(|userid| format!("removed {userid}\n")).collect();
    match cleared.others.len() {
        0 => {}
        1 => text.push_str("removed 1 file that is not a value\n"),
        more => text.push_str(&format!("removed {more} files that are not values\n")),
    }
    text
}

/// The lines for the values that a living domain keeps. If a removal failed, that is reported
/// instead.
fn kept_lines(kept: &[Entry], cleared: &Cleared) -> String {
    if !cleared.failed.is_empty() {
        return String::new();
    }
    let lines = kept.iter().map(|entry| shown(&entry.userid));
    lines
        .map(|userid| format!("kept {userid}, which the living domain needs (--all removes it)\n"))
        .collect()
}

/// Reports the files that could not be removed. The exit status is that of the first failure.
pub(super) fn report(cleared: &Cleared, output: Output) -> Status {
    for error in &cleared.failed {
        output.note(chain(error));
    }
    cleared
        .failed
        .first()
        .map_or(Status::Done, |error| error.kind().into())
}
