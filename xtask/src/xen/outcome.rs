//! What came back from dom0 on the second serial port.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;

/// Begins the line that ends the payload's own output.
const END: &[u8] = b"\nRIG-EXIT ";

/// How the payload ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome<'a> {
    pub(super) status: u8,
    /// A .tar.gz of what it left.
    packed: &'a [u8],
}

impl<'a> Outcome<'a> {
    /// Finds the result at the end of what came; `None` if there is none, or only a part of one.
    pub(super) fn find(came: &'a [u8]) -> Option<Self> {
        let mut rest = came;
        loop {
            let at = rest.windows(END.len()).position(|window| window == END)?;
            rest = rest.get(at + END.len()..)?;
            if let Some(outcome) = Self::parse(rest) {
                return Some(outcome);
            }
        }
    }

    /// "STATUS BYTES", a line end, and exactly that many bytes.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let end = text.iter().position(|&byte| byte == b'\n')?;
        let (line, packed) = text.split_at_checked(end)?;
        let packed = packed.get(1..)?;
        let (status, len) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        let outcome = Self {
            status: status.parse().ok()?,
            packed,
        };
        (len.parse() == Ok(packed.len())).then_some(outcome)
    }

    /// Unpacks what the payload left.
    pub(super) fn unpack(&self, to: &Path) -> Result<()> {
        tar::Archive::new(GzDecoder::new(self.packed))
            .unpack(to)
            .with_context(|| format!("cannot unpack what came back into {}", to.display()))
    }
}

/// Reads a growing file line by line.
#[derive(Debug)]
pub(super) struct Follow {
    path: PathBuf,
    read: u64,
    partial: Vec<u8>,
    blank: usize,
    ended: bool,
}

impl Follow {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: 0,
            partial: Vec::new(),
            blank: 0,
            ended: false,
        }
    }

    /// Calls `each` with every line that was completed since; none from the result on, nor the
    /// empty ones before it.
    pub(super) fn lines(&mut self, mut each: impl FnMut(&str)) {
        let Ok(mut file) = File::open(&self.path) else {
            return;
        };
        let mut new = Vec::new();
        if file
            .seek(SeekFrom::Start(self.read))
            .and_then(|_| file.read_to_end(&mut new))
            .is_err()
        {
            return;
        }
        self.read += new.len() as u64;
        self.partial.extend(new);
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            self.ended |= line.starts_with("RIG-EXIT ");
            if self.ended {
                continue;
            }
            if line.is_empty() {
                self.blank += 1;
                continue;
            }
            for _ in 0..std::mem::take(&mut self.blank) {
                each("");
            }
            each(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_the_status_and_just_the_bytes_that_were_announced() {
        let outcome = Outcome::find(b"hello\nRIG-EXIT 42 3\nabc").unwrap();
        assert_eq!(
            outcome,
            Outcome {
                status: 42,
                packed: b"abc"
            }
        );
        assert_eq!(Outcome::find(b"hello\nRIG-EXIT 42 4\nabc"), None);
        assert_eq!(Outcome::find(b"hello\nRIG-EXIT 42 2\nabc"), None);
        assert_eq!(Outcome::find(b"hello\nRIG-EXIT 42 "), None);
        assert_eq!(Outcome::find(b"hello\n"), None);
        assert_eq!(Outcome::find(b""), None);
    }

    #[test]
    fn a_payload_that_writes_such_a_line_itself_does_not_decide() {
        let outcome = Outcome::find(b"x\nRIG-EXIT 0 9\n\nRIG-EXIT 7 1\nz").unwrap();
        assert_eq!(outcome.status, 7);
    }

    #[test]
    fn lines_are_followed_until_the_result() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut follow = Follow::new(path.clone());
        let mut seen = Vec::new();
        for text in [
            "",
            "one\r\n\ntw",
            "one\r\n\ntwo\n",
            "one\r\n\ntwo\nthree\n\nRIG-EXIT 0 2\na\n",
        ] {
            std::fs::write(&path, text).unwrap();
            follow.lines(|line| seen.push(line.to_owned()));
        }
        assert_eq!(seen, ["one", "", "two", "three"]);
    }
}
