//! `userdata store`.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use userdata::store::Expect;
use userdata::{Outcome, Version};

use crate::arguments::Store;
use crate::document;
use crate::failure::Failure;
use crate::options::Options;
use crate::output::Output;
use crate::status::Status;
use crate::userid;

impl Store {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let userid = userid::writable(&self.userid, self.libxl_json)?;
        let host = options.host()?;
        let userdata = options.userdata(&host)?;
        let domain = self.domain.key(&host)?;
        // Whole, before anything is locked: a slow or dying writer at the other end of a pipe keeps
        // nobody waiting and leaves nothing behind.
        let data = self.read(options.max_size(), output)?;
        let outcome = userdata.store_if(domain, &userid, &data, self.expect())?;
        if data.is_empty() {
            output.note(match outcome {
                Outcome::NothingToRemove => "there were no bytes to store and no value to remove",
                _ => "there were no bytes to store, so the value was removed",
            });
        }
        let displaced = displaced(outcome);
        if let Some(displaced) = &displaced {
            output.note(format_args!(
                "a {displaced} stood in the place of the value and was replaced"
            ));
        }
        let document = document::Outcome {
            domain: domain.into(),
            userid: userid.as_userid().into(),
            outcome: word(outcome),
            durability: durability(outcome),
            displaced,
            version: (!data.is_empty()).then(|| Version::of(&data).to_string()),
        };
        output.show(&document, String::new)?;
        Ok(Status::Done)
    }

    fn expect(&self) -> Expect {
        match self.if_version {
            Some(version) => Expect::Version(version),
            None if self.if_absent => Expect::Absent,
            None => Expect::Any,
        }
    }

    fn read(&self, limit: u64, output: Output) -> Result<Vec<u8>, Failure> {
        match self.file.as_deref() {
            Some(path) if path != Path::new("-") => {
                let input = path.display().to_string();
                let failed = Failure::io(format!("open {input}"));
                read(File::open(path).map_err(failed)?, input, limit)
            }
            _ => {
                let stdin = io::stdin().lock();
                if stdin.is_terminal() {
                    output.note("reading the value from the terminal; Ctrl-D ends it");
                }
                read(stdin, "standard input".to_owned(), limit)
            }
        }
    }
}

/// All bytes, if they are not more than the limit.
fn read(from: impl Read, input: String, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut data = Vec::new();
    from.take(limit.saturating_add(1))
        .read_to_end(&mut data)
        .map_err(Failure::io(format!("read {input}")))?;
    if data.len() as u64 > limit {
        return Err(Failure::InputTooLarge { input, limit });
    }
    Ok(data)
}

/// An outcome's word in JSON.
pub(crate) const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Stored { .. } => "stored",
        Outcome::Removed { .. } => "removed",
        _ => "nothing_to_remove",
    }
}

/// What stood in the place of a value that was stored, and was none.
fn displaced(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Stored { displaced, .. } => displaced.map(|found| found.to_string()),
        _ => None,
    }
}

/// What an outcome survives.
pub(crate) fn durability(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Stored { durability, .. } | Outcome::Removed { durability } => {
            Some(durability.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_and_one_byte_is_read() {
        let read = |bytes: usize, limit| {
            let mut input = io::repeat(7).take(bytes as u64);
            let data = read(&mut input, "it".to_owned(), limit);
            (data, input.limit())
        };
        assert_eq!(read(3, 3).0.unwrap(), [7; 3]);
        let (refused, unread) = read(1_000_000, 3);
        assert!(matches!(
            refused,
            Err(Failure::InputTooLarge { limit: 3, .. })
        ));
        assert_eq!(unread, 1_000_000 - 4);
        assert_eq!(read(2, u64::MAX).0.unwrap(), [7; 2]);
    }
}
