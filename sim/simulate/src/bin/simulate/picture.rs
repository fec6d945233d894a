//! `Picture`: what happened, moment by moment, with the changes of the directory.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use userdata_core::Uuid;
use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_fs::Errno;
use userdata_sim::SimDisk;
use userdata_sim::crash::Tree;
use userdata_sim::interpose::{Answer, Call, CallKind, Interceptor};

/// The length of a uuid with its hyphens.
const UUID_LEN: usize = 36;

/// What happened, one moment after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Picture {
    /// The processes that take part.
    pub(crate) lanes: Vec<String>,
    pub(crate) moments: Vec<Moment>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moment {
    /// In which lane; `None` if it happened to the host.
    pub(crate) lane: Option<usize>,
    pub(crate) what: What,
    pub(crate) text: String,
    /// What changed in the directory.
    pub(crate) changes: Vec<Change>,
}

/// The kind of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// An operation begins.
    Begins,
    /// It ends.
    Ends,
    /// A call of the directory.
    Call,
    /// A call that was made to fail, or failed.
    FailedCall,
    /// The process was killed.
    Killed,
    /// Something happened to the host.
    Host,
    /// The power was cut.
    PowerCut,
    /// A guarantee does not hold.
    Broken,
}

/// A change under one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) name: String,
    /// What is there now; `None` if nothing is.
    pub(crate) now: Option<String>,
    /// Whether something was there before.
    pub(crate) was: bool,
}

/// Records every call, and the content of the directory after it. Clones share the record.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    disk: SimDisk,
    noted: Arc<Mutex<Noted>>,
}

#[derive(Debug, Default)]
struct Noted {
    moments: Vec<Moment>,
    /// After how many steps each of them came.
    steps: Vec<usize>,
    tree: Tree,
}

impl Recorder {
    pub(crate) fn new(disk: SimDisk) -> Self {
        let noted = Noted {
            tree: disk.tree(),
            ..Noted::default()
        };
        Self {
            disk,
            noted: Arc::new(Mutex::new(noted)),
        }
    }

    /// Records something that is not a call.
    pub(crate) fn note(&self, lane: Option<usize>, what: What, text: String) {
        let tree = self.disk.tree();
        let steps = self.disk.steps_len();
        let mut noted = self.noted();
        let changes = changes(&noted.tree, &tree);
        noted.tree = tree;
        noted.moments.push(Moment {
            lane,
            what,
            text,
            changes,
        });
        noted.steps.push(steps);
    }

    /// The moments up to that step, if one is named.
    pub(crate) fn moments_until(&self, step: Option<usize>) -> Vec<Moment> {
        let noted = self.noted();
        let until = step.and_then(|step| noted.steps.iter().position(|steps| *steps > step));
        let until = until.map_or(noted.moments.len(), |at| at + 1);
        noted.moments.iter().take(until).cloned().collect()
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interceptor for Recorder {
    fn after(&self, _process: u32, call: &Call<'_>, answer: Result<Answer<'_>, Errno>) {
        let idle = matches!(
            call.kind(),
            CallKind::Now | CallKind::Process | CallKind::Random | CallKind::Listed
        );
        if !idle {
            let (what, answer) = match answer {
                Ok(answer) => (What::Call, answer.to_string()),
                Err(errno) => (What::FailedCall, format!("{errno:?}")),
            };
            let text = format!("{} = {answer}", shortened(&call.to_string()));
            self.note(Some(0), what, text);
        }
    }
}

/// The differences between two trees.
pub(crate) fn changes(before: &Tree, after: &Tree) -> Vec<Change> {
    let gone = before.iter().filter(|(name, _)| after.get(name).is_none());
    let gone = gone.map(|(name, _)| Change {
        name: short_name(name),
        now: None,
        was: true,
    });
    let changed = after
        .iter()
        .filter(|(name, entry)| before.get(name) != Some(*entry));
    let changed = changed.map(|(name, entry)| Change {
        name: short_name(name),
        now: Some(entry.bytes().map_or_else(
            || "no file".to_owned(),
            |bytes| format!("\"{}\"", bytes.escape_ascii()),
        )),
        was: before.get(name).is_some(),
    });
    gone.chain(changed).collect()
}

/// A name without the digits that do not help a reader: `d.5.xl` for a value.
pub(crate) fn short_name(name: &[u8]) -> String {
    let parsed = FileName::parse(NameFormat::Libxl, name)
        .or_else(|| FileName::parse(NameFormat::Seed, name));
    let Some(parsed) = parsed else {
        return name.escape_ascii().to_string();
    };
    let mut userid = parsed.userid().to_string();
    if parsed.kind() == Kind::Temporary {
        userid.truncate(4);
    }
    let letter = char::from(parsed.kind().letter());
    let owner = parsed.owner();
    let uuid = owner.uuid.simple().to_string();
    let uuid = uuid.get(..4).unwrap_or_default();
    let domid = owner
        .domid
        .map_or_else(String::new, |domid| format!("{domid}."));
    format!("{letter}.{domid}{uuid}.{userid}")
}

/// The same text with every name of a file and every uuid shortened.
pub(crate) fn shortened(text: &str) -> String {
    let words = text
        .split(' ')
        .map(|word| match word.starts_with("userdata-") {
            true => short_name(word.as_bytes()),
            false => without_uuids(word),
        });
    words.collect::<Vec<_>>().join(" ")
}

/// The same text with the first digits of every uuid alone.
fn without_uuids(word: &str) -> String {
    let is_uuid = |at: &usize| {
        let text = word.get(*at..at + UUID_LEN).unwrap_or_default();
        Uuid::try_parse(text).is_ok()
    };
    let Some(at) = (0..word.len()).find(is_uuid) else {
        return word.to_owned();
    };
    let (before, rest) = word.split_at(at);
    let (uuid, behind) = rest.split_at(UUID_LEN);
    let digits = uuid.get(..4).unwrap_or_default();
    format!("{before}{digits}{}", without_uuids(behind))
}

impl Picture {
    /// The same without the lanes in which nothing happens.
    pub(crate) fn without_idle_lanes(mut self) -> Self {
        let busy: BTreeSet<usize> = self
            .moments
            .iter()
            .filter_map(|moment| moment.lane)
            .collect();
        let place = |lane: usize| busy.range(..lane).count();
        for moment in &mut self.moments {
            moment.lane = moment.lane.map(place);
        }
        let lanes = self.lanes.into_iter().enumerate();
        self.lanes = lanes
            .filter(|(number, _)| busy.contains(number))
            .map(|(_, lane)| lane)
            .collect();
        self
    }
}

impl Moment {
    /// A moment that changes nothing in the directory.
    pub(crate) fn new(lane: Option<usize>, what: What, text: &str) -> Self {
        Self {
            lane,
            what,
            text: text.to_owned(),
            changes: Vec::new(),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.lane, self.what) {
            (Some(lane), What::Begins | What::Ends) => write!(f, "{lane}  {}", self.text)?,
            (Some(lane), _) => write!(f, "{lane}    {}", self.text)?,
            (None, _) => write!(f, "*  {}", self.text)?,
        }
        for change in &self.changes {
            let now = change.now.as_deref().unwrap_or("nothing");
            write!(f, "\n        {} is {now}", change.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_uuids_are_short_in_pictures() {
        let uuid = "11111111-2222-3333-4444-abcdef555555";
        for (text, short) in [
            (
                format!("rename userdata-d.5.{uuid}.xl.a x = done"),
                "rename d.5.1111.xl.a x = done",
            ),
            (
                format!("unlink userdata-t.5.{uuid}.e220a8397b1d"),
                "unlink t.5.1111.e220",
            ),
            (
                format!("Domain = 5.{uuid}, Alive"),
                "Domain = 5.1111, Alive",
            ),
            ("plain - text".to_owned(), "plain - text"),
        ] {
            assert_eq!(shortened(&text), short);
        }
    }

    #[test]
    fn lanes_in_which_nothing_happens_are_left_out() {
        let moment = |lane| Moment::new(lane, What::Call, "");
        let picture = Picture {
            lanes: ["a", "b", "c"].map(str::to_owned).into(),
            moments: vec![moment(Some(2)), moment(None), moment(Some(0))],
        };
        let picture = picture.without_idle_lanes();
        assert_eq!(picture.lanes, ["a", "c"]);
        let lanes: Vec<_> = picture.moments.iter().map(|moment| moment.lane).collect();
        assert_eq!(lanes, [Some(1), None, Some(0)]);
    }
}
