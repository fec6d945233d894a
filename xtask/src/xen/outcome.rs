//! The result that comes back from dom0.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

/// Begins the line that ends the payload's own output.
const END: &str = "RIG-EXIT ";

/// How the payload ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) status: u8,
    /// The length of the .tar.gz of what it left.
    packed: usize,
}

impl Outcome {
    /// Finds the result at the end of the payload's output; `None` if there is none.
    pub(super) fn find(written: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(written.strip_suffix(b"\n")?.rsplit(is_end).next()?).ok()?;
        let (status, packed) = text.strip_prefix(END)?.split_once(' ')?;
        Some(Self {
            status: status.parse().ok()?,
            packed: packed.parse().ok()?,
        })
    }

    /// Unpacks the files that the payload left.
    pub(super) fn unpack(&self, packed: &Path, to: &Path) -> Result<()> {
        let failed = || format!("cannot unpack {} into {}", packed.display(), to.display());
        let bytes = fs::read(packed).with_context(failed)?;
        ensure!(
            bytes.len() == self.packed,
            "{} of {} bytes came back from dom0",
            bytes.len(),
            self.packed
        );
        tar::Archive::new(GzDecoder::new(&*bytes))
            .unpack(to)
            .with_context(failed)
    }
}

fn is_end(byte: &u8) -> bool {
    *byte == b'\n'
}

/// Reads a growing file line by line.
#[derive(Debug)]
pub(super) struct Follow {
    path: PathBuf,
    read: u64,
    partial: Vec<u8>,
    /// Lines that may turn out to be the end, which is not the payload's own.
    held: Vec<String>,
}

impl Follow {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: 0,
            partial: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Calls `each` with every line that was completed since the last call, except for the result
    /// and the empty lines before it.
    pub(super) fn lines(&mut self, mut each: impl FnMut(&str)) {
        let mut new = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_end(&mut new)
        });
        // The rest is read the next time.
        self.read += read.unwrap_or(0) as u64;
        self.partial.extend(new);
        while let Some(end) = self.partial.iter().position(is_end) {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() || line.starts_with(END) {
                self.held.push(line.to_owned());
                continue;
            }
            self.held.drain(..).for_each(|held| each(&held));
            each(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_the_last_line() {
        let found = |text: &str| Outcome::find(text.as_bytes()).map(|it| (it.status, it.packed));
        assert_eq!(found("hello\n\nRIG-EXIT 42 3\n"), Some((42, 3)));
        assert_eq!(
            found("\nRIG-EXIT 0 9\nmine\n\nRIG-EXIT 7 1\n"),
            Some((7, 1))
        );
        for none in [
            "",
            "hello\n",
            "RIG-EXIT 42 3",
            "RIG-EXIT 42 \n",
            "RIG-EXIT 42 3\nmore\n",
        ] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn what_came_back_in_part_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let packed = dir.path().join("packed");
        fs::write(&packed, b"abc").unwrap();
        let outcome = Outcome {
            status: 0,
            packed: 4,
        };
        let error = outcome
            .unpack(&packed, &dir.path().join("out"))
            .unwrap_err();
        assert_eq!(error.to_string(), "3 of 4 bytes came back from dom0");
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
            "one\r\n\ntwo\nRIG-EXIT 0 2\nthree\n\nRIG-EXIT 0 2\n",
        ] {
            std::fs::write(&path, text).unwrap();
            follow.lines(|line| seen.push(line.to_owned()));
        }
        assert_eq!(seen, ["one", "", "two", "RIG-EXIT 0 2", "three"]);
    }
}
