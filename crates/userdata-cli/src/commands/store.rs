//! `userdata store`.

use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::Path;

use userdata::store::Expect;
use userdata::{Outcome, Version};

use crate::arguments::Store;
use crate::document;
use crate::failure::Failure;
use crate::options::Options;
use crate::output::Output;
use crate::standard;
use crate::status::Status;
use crate::userid;

impl Store {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let userid = userid::writable(&self.userid, self.libxl_json)?;
        options.check_userid(userid.as_userid())?;
        let host = options.host()?;
        let domain = options.key(&self.domain, &host)?;
        // The input is read to its end before anything is locked. If the program at the other end
        // of a pipe is slow or is killed, no other process has to wait, and no file is left behind.
        let data = self.read(options.max_size(), output)?;
        let userdata = options.userdata(&host)?;
        let expect = expect(self.if_version, self.if_absent);
        let outcome = userdata.store_if(domain, &userid, &data, expect)?;
        if data.is_empty() {
            output.note(match outcome {
                Outcome::NothingToRemove => "the input is empty; nothing to remove",
                _ => "the input is empty, so the value is removed",
            });
        }
        let displaced = displaced(outcome);
        if let Some(displaced) = &displaced {
            output.note(format_args!(
                "the value replaced a {displaced}, which was not followed"
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

    /// All bytes of the input. Empty input is refused, since it would remove the value, and its
    /// cause may be an empty FILE or a program that failed.
    fn read(&self, limit: u64, output: Output) -> Result<Vec<u8>, Failure> {
        let (data, input) = self.read_any(limit, output)?;
        if data.is_empty() && !self.empty_removes {
            return Err(Failure::InputEmpty { input });
        }
        Ok(data)
    }

    /// All bytes of the input, and its name.
    fn read_any(&self, limit: u64, output: Output) -> Result<(Vec<u8>, String), Failure> {
        match self.file.as_deref() {
            Some(path) if path != Path::new("-") => {
                let input = path.display().to_string();
                let failed = Failure::io(format!("open {input}"));
                let file = File::open(path).map_err(failed)?;
                Ok((read(file, &input, limit)?, input))
            }
            _ => {
                let input = "standard input".to_owned();
                let stdin = standard::input().map_err(Failure::io(format!("read {input}")))?;
                if stdin.is_terminal() {
                    output.note("reading the value from the terminal; Ctrl-D ends it");
                }
                Ok((read(stdin, &input, limit)?, input))
            }
        }
    }
}

/// The value that the change expects to find.
pub(super) fn expect(version: Option<Version>, absent: bool) -> Expect {
    match version {
        Some(version) => Expect::Version(version),
        None if absent => Expect::Absent,
        None => Expect::Any,
    }
}

/// All bytes, if they are not more than the limit.
fn read(from: impl Read, input: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut data = Vec::new();
    from.take(limit.saturating_add(1))
        .read_to_end(&mut data)
        .map_err(Failure::io(format!("read {input}")))?;
    if data.len() as u64 > limit {
        let input = input.to_owned();
        return Err(Failure::InputTooLarge { input, limit });
    }
    Ok(data)
}

/// An outcome's word in JSON.
pub(crate) const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Stored { .. } => "stored",
        Outcome::Removed { .. } => "removed",
        Outcome::NothingToRemove => "nothing_to_remove",
        _ => "unchanged",
    }
}

/// The type of the file that was replaced, if it was not a regular file.
fn displaced(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Stored { displaced, .. } => displaced.map(|found| found.to_string()),
        _ => None,
    }
}

/// The durability of the change, as a word.
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
    use std::io;

    use super::*;

    #[test]
    fn one_byte_more_than_the_limit_is_read_at_most() {
        let read = |bytes: usize, limit| {
            let mut input = io::repeat(7).take(bytes as u64);
            let data = read(&mut input, "it", limit);
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
