//! `Picture`: what happened, moment by moment, with what it did to the directory.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use userdata_core::{FileName, NameFormat};
use userdata_fs::Errno;
use userdata_sim::{Answer, Call, CallKind, Interceptor, SimDisk, Tree};

/// What happened, one moment after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Picture {
    /// Who takes part.
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

/// What kind of thing it was.
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

/// What changed under one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) name: String,
    /// What stands there now; `None` if nothing does.
    pub(crate) now: Option<String>,
    /// Whether something stood there before.
    pub(crate) was: bool,
}

/// Notes every call, and what the directory held then. Clones note in the same place.
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

    /// Notes something that is no call.
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

/// What differs between two trees.
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

/// A name without the digits that tell people nothing: `d.5.xl` for a value.
pub(crate) fn short_name(name: &[u8]) -> String {
    let parsed = FileName::parse(NameFormat::Libxl, name)
        .or_else(|| FileName::parse(NameFormat::Seed, name));
    let Some(parsed) = parsed else {
        return name.escape_ascii().to_string();
    };
    let letter = char::from(parsed.kind().letter());
    let owner = parsed.owner();
    let uuid = owner.uuid.simple().to_string();
    let uuid = uuid.get(..4).unwrap_or_default();
    let domid = owner
        .domid
        .map_or_else(String::new, |domid| format!("{domid}."));
    format!("{letter}.{domid}{uuid}.{}", parsed.userid())
}

/// The same text with every name of a file shortened.
fn shortened(text: &str) -> String {
    let words = text
        .split(' ')
        .map(|word| match word.starts_with("userdata-") {
            true => short_name(word.as_bytes()),
            false => word.to_owned(),
        });
    words.collect::<Vec<_>>().join(" ")
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
