//! The records of a pool: their text, and what it means.
//!
//! A record is one line of words: its version, then `name=value`, in a fixed order.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use thiserror::Error;
use userdata_core::hypervisor::BootId;
use userdata_core::store::HostName;
use userdata_core::{Domid, Version};

/// The version of every record that this release writes.
const VERSION: &str = "1";

/// How many numbers of changes a turn and a grave keep.
pub(crate) const NUMBERS_MAX: usize = 16;

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum RecordError {
    #[error("the record is of format {found}, of a newer release; this one reads format 1")]
    Newer { found: String },
    #[error("it does not have the form of such a record")]
    Malformed,
}

/// The words of a record that are not read yet, with the space before each.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let text = std::str::from_utf8(bytes).map_err(|_| RecordError::Malformed)?;
        match first_word(text) {
            (VERSION, rest) => Ok(Self(rest)),
            (other, _) if other.parse::<u32>().is_ok_and(|version| version > 1) => {
                let found = other.to_owned();
                Err(RecordError::Newer { found })
            }
            _ => Err(RecordError::Malformed),
        }
    }

    fn maybe(&mut self, name: &str) -> Option<&'a str> {
        let named = self.0.strip_prefix(' ')?.strip_prefix(name)?;
        let (value, rest) = first_word(named.strip_prefix('=')?);
        self.0 = rest;
        Some(value)
    }

    fn text(&mut self, name: &str) -> Result<&'a str, RecordError> {
        self.maybe(name).ok_or(RecordError::Malformed)
    }

    fn parsed<T: FromStr>(&mut self, name: &str) -> Result<T, RecordError> {
        self.text(name)?.parse().map_err(|_| RecordError::Malformed)
    }

    fn flag(&mut self, name: &str) -> bool {
        let word = self.0.strip_prefix(' ').map(first_word);
        let flag = word.filter(|(word, _)| *word == name);
        self.0 = flag.map_or(self.0, |(_, rest)| rest);
        flag.is_some()
    }

    fn numbers(&mut self) -> Result<Vec<u64>, RecordError> {
        let text = self.text("numbers")?;
        let number = |digits: &str| u64::from_str_radix(digits, 16);
        let numbers: Result<Vec<u64>, _> = text.split(',').map(number).collect();
        numbers
            .ok()
            .filter(|numbers| numbers.len() <= NUMBERS_MAX)
            .ok_or(RecordError::Malformed)
    }

    fn end<T>(self, value: T) -> Result<T, RecordError> {
        match self.0 {
            "" => Ok(value),
            _ => Err(RecordError::Malformed),
        }
    }
}

/// The text up to the first space, and the rest.
fn first_word(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| byte == b' ');
    text.split_at(end.unwrap_or(text.len()))
}

fn numbers_text(numbers: &[u64]) -> String {
    let texts: Vec<String> = numbers.iter().map(|number| format!("{number:x}")).collect();
    texts.join(",")
}

/// Adds a number, and drops the oldest beyond the limit.
pub(crate) fn with_number(numbers: &[u64], number: u64) -> Vec<u64> {
    let mut all = numbers.to_vec();
    all.push(number);
    let surplus = all.len().saturating_sub(NUMBERS_MAX);
    all.drain(..surplus);
    all
}

/// The home: a host, its boot, and the domid of the domain there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HomeRecord {
    pub(crate) host: HostName,
    pub(crate) boot: BootId,
    pub(crate) domid: Domid,
    /// A move to this host has begun.
    pub(crate) to: Option<HostName>,
    /// The domain is proven gone from `host`.
    pub(crate) released: bool,
}

/// Written by every change of a domain's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) home: HomeRecord,
    /// The random numbers of the last changes, the newest last.
    pub(crate) numbers: Vec<u64>,
}

impl Turn {
    pub(crate) fn format(&self) -> Vec<u8> {
        let HomeRecord {
            host, boot, domid, ..
        } = &self.home;
        let mut text = format!("{VERSION} host={host} boot={boot} domid={domid}");
        if let Some(to) = &self.home.to {
            text.push_str(&format!(" to={to}"));
        }
        if self.home.released {
            text.push_str(" released");
        }
        text.push_str(&format!(" numbers={}", numbers_text(&self.numbers)));
        text.into_bytes()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut words = Words::of(bytes)?;
        let (host, boot) = (words.parsed("host")?, words.parsed("boot")?);
        let domid = words.parsed("domid")?;
        let to = words.maybe("to").map(str::parse).transpose();
        let to = to.map_err(|_| RecordError::Malformed)?;
        let released = words.flag("released");
        let numbers = words.numbers()?;
        let home = HomeRecord {
            host,
            boot,
            domid,
            to,
            released,
        };
        words.end(Self { home, numbers })
    }
}

/// Made before the first turn of a uuid with its last byte, and moved on by every removal of such
/// a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grave {
    pub(crate) numbers: Vec<u64>,
}

impl Grave {
    pub(crate) fn format(&self) -> Vec<u8> {
        format!("{VERSION} numbers={}", numbers_text(&self.numbers)).into_bytes()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut words = Words::of(bytes)?;
        let numbers = words.numbers()?;
        words.end(Self { numbers })
    }
}

/// A closing mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MarkRecord {
    pub(crate) host: HostName,
    pub(crate) domid: Domid,
    pub(crate) number: u64,
}

impl MarkRecord {
    pub(crate) fn format(&self) -> Vec<u8> {
        let Self {
            host,
            domid,
            number,
        } = self;
        format!("{VERSION} host={host} domid={domid} number={number}").into_bytes()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut words = Words::of(bytes)?;
        let mark = Self {
            host: words.parsed("host")?,
            domid: words.parsed("domid")?,
            number: words.parsed("number")?,
        };
        words.end(mark)
    }
}

/// What is known of a value without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) size: u64,
    pub(crate) version: Version,
    /// Since the epoch.
    pub(crate) time: Duration,
}

impl Meta {
    pub(crate) fn of(bytes: &[u8], today: SystemTime) -> Self {
        let time = today.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            size: bytes.len() as u64,
            version: Version::of(bytes),
            time: Duration::from_secs(time.unwrap_or_default().as_secs()),
        }
    }

    pub(crate) fn format(&self) -> Vec<u8> {
        let (size, version, time) = (self.size, self.version, self.time.as_secs());
        format!("{VERSION} size={size} sha256={version} time={time}").into_bytes()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut words = Words::of(bytes)?;
        let meta = Self {
            size: words.parsed("size")?,
            version: words.parsed("sha256")?,
            time: Duration::from_secs(words.parsed("time")?),
        };
        words.end(meta)
    }
}

/// A member of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostRecord {
    pub(crate) machine: String,
    pub(crate) product: String,
    pub(crate) boot: BootId,
}

impl HostRecord {
    pub(crate) fn format(&self) -> Vec<u8> {
        let Self {
            machine,
            product,
            boot,
        } = self;
        format!("{VERSION} machine={machine} product={product} boot={boot}").into_bytes()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut words = Words::of(bytes)?;
        let host = Self {
            machine: words.text("machine")?.to_owned(),
            product: words.text("product")?.to_owned(),
            boot: words.parsed("boot")?,
        };
        words.end(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(text: &str) -> Result<Turn, RecordError> {
        Turn::parse(text.as_bytes())
    }

    #[test]
    fn a_turn_reads_back_from_its_own_text() {
        for text in [
            "1 host=a boot=b1 domid=5 numbers=1f",
            "1 host=a boot=b1 domid=5 to=b numbers=1,2,3",
            "1 host=a boot=b1 domid=5 to=b released numbers=ffffffffffffffff",
        ] {
            assert_eq!(turn(text).unwrap().format(), text.as_bytes());
        }
    }

    #[test]
    fn a_record_of_a_newer_format_is_told_from_a_damaged_one() {
        let newer = RecordError::Newer { found: "2".into() };
        assert_eq!(turn("2 anything"), Err(newer));
        for text in [
            "",
            "1",
            "0 host=a boot=b1 domid=5 numbers=1f",
            "1 host=a boot=b1 numbers=1f",
            "1 host=a boot=b1 domid=5 numbers=",
            "1 host=a boot=b1 domid=5 numbers=1f more",
            "1 host=A boot=b1 domid=5 numbers=1f",
            "1 host=a boot=b1 domid=5 numbers=1f ",
            "1  host=a boot=b1 domid=5 numbers=1f",
            " 1 host=a boot=b1 domid=5 numbers=1f",
            "1host=a boot=b1 domid=5 numbers=1f",
            "1 hosta boot=b1 domid=5 numbers=1f",
            "1 host=a boot=b1 domid=5 releasednumbers=1f",
            "1 host=a boot=b1 domid=5 released=yes numbers=1f",
            "1 host=a boot=b1 domid=5 numbers=1f released",
        ] {
            assert_eq!(turn(text), Err(RecordError::Malformed), "{text}");
        }
    }

    #[test]
    fn the_other_records_read_back_from_their_own_text() {
        let meta = Meta::of(b"value", SystemTime::UNIX_EPOCH + Duration::from_secs(7));
        assert_eq!(Meta::parse(&meta.format()), Ok(meta));
        let numbers = with_number(&[0; NUMBERS_MAX], 7);
        assert_eq!((numbers.len(), numbers.last()), (NUMBERS_MAX, Some(&7)));
        let grave = Grave { numbers };
        assert_eq!(Grave::parse(&grave.format()), Ok(grave));
        let host = HostRecord {
            machine: "m".into(),
            product: String::new(),
            boot: "b".parse().unwrap(),
        };
        assert_eq!(HostRecord::parse(&host.format()), Ok(host));
        let mark = MarkRecord {
            host: "a".parse().unwrap(),
            domid: "5".parse().unwrap(),
            number: 9,
        };
        assert_eq!(MarkRecord::parse(&mark.format()), Ok(mark));
    }
}
