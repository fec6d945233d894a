//! `Report`: the report of a sweep, written while the sweep works.

mod homes;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::time::SystemTime;

use indicatif::{ProgressBar, ProgressStyle};
use userdata::file_name::{FileName, Kind, NameFormat};
use userdata::store::{Condition, FileType, Found, HostName};
use userdata::sweep::{Kept, SweepTotals, Swept, Verdict, What};
use userdata::{DomainKey, Userid};

use crate::chain::chain;
use crate::document;
use crate::failure::Failure;
use crate::output::Output;
use crate::standard;
use crate::status::Status;
use crate::userid::shown;

/// What a sweep does, or would do, with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Removed,
    WouldRemove,
    /// The data of a pool is left to the host that the domain has moved to.
    Released,
    WouldRelease,
    Kept,
}

/// The reason for an action: a word that stays the same in every release, and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) word: &'static str,
    pub(super) text: String,
}

impl From<&Verdict> for Reason {
    fn from(verdict: &Verdict) -> Self {
        Self {
            word: verdict.word(),
            text: verdict.to_string(),
        }
    }
}

/// The report of a sweep: lines, or one document. There may be any number of files, so each is
/// written at once and none is remembered.
pub(super) struct Report {
    output: Output,
    dry_run: bool,
    /// How the files of the layout are named.
    format: NameFormat,
    /// When the host was booted, if values that are older are to be marked.
    boot: Option<SystemTime>,
    stdout: BufWriter<File>,
    /// Whether anything was written to standard output.
    begun: bool,
    /// The first error of standard output. The sweep continues, and writes nothing more.
    written: io::Result<()>,
    progress: ProgressBar,
    domains: Vec<document::SweptDomain>,
    failed: Vec<String>,
    /// How many directories have the name of a file. A dry run counts them as failures, and not as
    /// files that would be removed.
    would_fail: u64,
    /// In a pool, the domains of this host that move to another one, and that host.
    moves: BTreeMap<DomainKey, HostName>,
    /// How many values of those a dry run counts as files that would be removed.
    would_move: u64,
    /// Whether each home of a pool is explained.
    explains_homes: bool,
    homes: Vec<document::SweptHome>,
    /// The domain of which a file was last removed, or could not be.
    removed_of: Option<DomainKey>,
    failed_of: Option<DomainKey>,
}

impl Report {
    /// Fails if there is no standard output, before anything is removed.
    pub(super) fn new(
        output: Output,
        format: NameFormat,
        dry_run: bool,
        boot: Option<SystemTime>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            output,
            format,
            dry_run,
            boot,
            stdout: BufWriter::new(standard::output().map_err(Failure::Output)?),
            begun: false,
            written: Ok(()),
            progress: progress(),
            domains: Vec::new(),
            failed: Vec::new(),
            would_fail: 0,
            moves: BTreeMap::new(),
            would_move: 0,
            explains_homes: false,
            homes: Vec::new(),
            removed_of: None,
            failed_of: None,
        })
    }

    pub(super) fn tell(&mut self, swept: &Swept<'_>) {
        let (key, verdict) = (&swept.domain, swept.verdict);
        match swept.what {
            What::Removed(record) => {
                self.removed_of = Some(*key);
                let reason = Reason::from(verdict);
                let action = Action::Removed;
                self.file(action, key, record.kind, &record.userid, &reason, None);
            }
            What::WouldGo(found) if self.moves.contains_key(key) => self.would_move(key, found),
            What::WouldGo(found) if is_directory(found) => self.would_fail(key, found),
            What::WouldGo(found) => self.found(Action::WouldRemove, key, found, verdict),
            What::Stays(found) => self.found(Action::Kept, key, found, verdict),
            What::Failed(error) | What::NotReclaimed(error) => {
                self.failed_of = Some(*key);
                self.fail(chain(error));
            }
            What::Judged => self.judged(key, verdict),
            _ => {}
        }
    }

    fn found(&mut self, action: Action, key: &DomainKey, found: &Found, verdict: &Verdict) {
        let older = self.boot.and_then(|boot| is_older(found, boot));
        let (kind, userid) = (found.kind, &found.entry.userid);
        self.file(action, key, kind, userid, &Reason::from(verdict), older);
    }

    /// Reports a value of a pool, which has no file.
    #[cfg(feature = "pool")]
    pub(super) fn value(
        &mut self,
        action: Action,
        key: &DomainKey,
        userid: &Userid,
        reason: &Reason,
    ) {
        self.file(action, key, Kind::Data, userid, reason, None);
    }

    fn file(
        &mut self,
        action: Action,
        key: &DomainKey,
        kind: Kind,
        userid: &Userid,
        reason: &Reason,
        older: Option<bool>,
    ) {
        let file = file_name(self.format, key, kind, userid);
        if !self.output.is_json() {
            let first = action.in_lines();
            let mark = if older == Some(true) {
                "\tolder than this boot"
            } else {
                ""
            };
            let Reason { word, text } = reason;
            self.line(&format!("{first}\t{file}\t{word}\t{text}{mark}\n"));
            return;
        }
        let document = document::SweptFile {
            action: action.in_documents(),
            file,
            domain: (*key).into(),
            kind: kind.letter().into(),
            userid: userid.into(),
            verdict: reason.word,
            reason: reason.text.clone(),
            older_than_boot: older,
        };
        let before = if self.begun {
            b","
        } else {
            document::SWEEP_HEAD
        };
        self.write(before);
        self.write_json(&document);
    }

    /// Reports a domain that was judged, if it needs attention.
    fn judged(&mut self, key: &DomainKey, verdict: &Verdict) {
        self.progress.inc(1);
        self.judged_home(key, verdict);
        let Verdict::Kept(kept) = verdict else { return };
        let reason = match kept {
            Kept::Alive { interrupted: true } => {
                if !self.output.is_json() {
                    self.line(&format!("domain\t{key}\t{}\t{verdict}\n", verdict.word()));
                }
                verdict.to_string()
            }
            Kept::Unknown(error) => self.cannot_judge(key, format!("{verdict}: {}", chain(error))),
            Kept::Failed(error) => self.cannot_judge(key, format!("{verdict}: {}", chain(error))),
            Kept::Busy => self.cannot_judge(key, verdict.to_string()),
            _ => return,
        };
        self.attention(key, verdict.word(), reason);
    }

    /// Reports data that could not be judged.
    #[cfg(feature = "pool")]
    pub(super) fn not_judged(&mut self, key: &DomainKey, reason: Reason) {
        let text = self.cannot_judge(key, reason.text);
        self.attention(key, reason.word, text);
    }

    fn attention(&mut self, key: &DomainKey, verdict: &'static str, reason: String) {
        if self.output.is_json() {
            self.domains.push(document::SweptDomain {
                domain: (*key).into(),
                verdict,
                reason,
            });
        }
    }

    fn cannot_judge(&self, key: &DomainKey, reason: String) -> String {
        self.note(&format!("domain {key} keeps its files: {reason}"));
        reason
    }

    fn fail(&mut self, message: String) {
        self.note(&message);
        if self.output.is_json() {
            self.failed.push(message);
        }
    }

    fn would_fail(&mut self, key: &DomainKey, found: &Found) {
        let file = file_name(self.format, key, found.kind, &found.entry.userid);
        self.would_fail += 1;
        self.fail(format!("cannot remove {file}: it is a directory"));
    }

    fn note(&self, line: &str) {
        self.progress.suspend(|| self.output.note(line));
    }

    /// Writes a line at once, so that a sweep that is killed has reported all that it did.
    fn line(&mut self, line: &str) {
        let progress = self.progress.clone();
        progress.suspend(|| {
            self.write(line.as_bytes());
            if self.written.is_ok() {
                self.written = self.stdout.flush();
            }
        });
    }

    fn write(&mut self, bytes: &[u8]) {
        self.begun = true;
        if self.written.is_ok() {
            self.written = self.stdout.write_all(bytes);
        }
    }

    fn write_json(&mut self, document: &impl serde::Serialize) {
        if self.written.is_ok() {
            self.written = serde_json::to_writer(&mut self.stdout, document).map_err(Into::into);
        }
    }

    /// Ends the report. `error` says why the sweep ended early, if it did.
    pub(super) fn end(
        mut self,
        mut totals: SweepTotals,
        error: Option<Failure>,
    ) -> Result<Status, Failure> {
        totals.removed = totals
            .removed
            .saturating_sub(self.would_fail + self.would_move);
        totals.failed += self.would_fail;
        self.progress.finish_and_clear();
        let nothing_told = !self.begun && self.domains.is_empty() && self.failed.is_empty();
        let error = match error {
            Some(error) if nothing_told => return Err(error),
            error => error,
        };
        if self.output.is_json() {
            self.end_document(totals, error.as_ref());
        } else {
            let removed = if self.dry_run {
                "would be removed"
            } else {
                "removed"
            };
            let files = match self.format {
                // They are not counted.
                NameFormat::Tree => "files".to_owned(),
                _ => format!("files: {},", totals.records),
            };
            self.line(&format!(
                "domains: {}, orphans: {}; {files} {removed}: {}, failures: {}\n",
                totals.domains, totals.orphans, totals.removed, totals.failed
            ));
            if totals.reclaimed > 0 {
                let count = totals.reclaimed;
                self.line(&format!(
                    "removed from earlier boots and killed processes: {count}\n"
                ));
            }
        }
        if let Some(error) = &error {
            self.output.note(chain(error));
        }
        self.written.map_err(Failure::Output)?;
        Ok(match (error, totals.failed) {
            (None, 0) => Status::Done,
            _ => Status::Failure,
        })
    }

    fn end_document(&mut self, totals: SweepTotals, error: Option<&Failure>) {
        if !self.begun {
            self.write(document::SWEEP_HEAD);
        }
        self.write(document::SWEEP_FILES_END);
        let end = document::SweepEnd {
            dry_run: self.dry_run,
            domains: std::mem::take(&mut self.domains),
            failed: std::mem::take(&mut self.failed),
            homes: std::mem::take(&mut self.homes),
            totals: totals.into(),
            error: error.map(|error| chain(error)),
        };
        match serde_json::to_vec(&end) {
            // Its opening brace is that of the whole document.
            Ok(fields) => self.write(fields.get(1..).unwrap_or_default()),
            Err(error) => self.written = Err(error.into()),
        }
        self.line("\n");
    }
}

impl Action {
    const fn in_lines(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::WouldRemove => "would-remove",
            Self::Released => "released",
            Self::WouldRelease => "would-release",
            Self::Kept => "kept",
        }
    }

    const fn in_documents(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::WouldRemove => "would_remove",
            Self::Released => "released",
            Self::WouldRelease => "would_release",
            Self::Kept => "kept",
        }
    }
}

/// A file's name as one word of printable ASCII.
fn file_name(format: NameFormat, key: &DomainKey, kind: Kind, userid: &Userid) -> String {
    match FileName::of(format, kind, key, userid) {
        Ok(name) => {
            let name = name.to_string().replace(' ', r"\x20");
            match format {
                NameFormat::Tree => format!("{key}/{name}"),
                _ => name,
            }
        }
        // No file has such a name.
        Err(_) => shown(userid),
    }
}

/// A count of the domains that are judged, on standard error if that is a terminal.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {human_pos} domains judged") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn is_directory(found: &Found) -> bool {
    found.entry.condition == Condition::NotRegular(FileType::Directory)
}

/// Whether a value was stored before the host was booted; `None` if that is unknown, or if it is
/// not a value.
fn is_older(found: &Found, boot: SystemTime) -> Option<bool> {
    let modified = found.entry.modified.filter(|_| found.kind == Kind::Data);
    modified.map(|modified| modified < boot)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use userdata::Uuid;
    use userdata::file_name::Owner;
    use userdata::store::{Condition, Entry};

    use super::*;

    #[test]
    fn a_value_from_before_the_boot_is_older_and_no_other_file() {
        let boot = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let found = |kind, modified: Option<SystemTime>| {
            let owner = Owner {
                domid: None,
                uuid: Uuid::nil(),
            };
            let mut entry = Entry::new(Userid::new("xl").unwrap(), 1, Condition::Whole);
            entry.modified = modified;
            Found::new(owner, kind, entry)
        };
        let before = Some(boot - Duration::from_nanos(1));
        assert_eq!(is_older(&found(Kind::Data, before), boot), Some(true));
        assert_eq!(is_older(&found(Kind::Data, Some(boot)), boot), Some(false));
        assert_eq!(is_older(&found(Kind::Data, None), boot), None);
        assert_eq!(is_older(&found(Kind::New, before), boot), None);
    }
}
