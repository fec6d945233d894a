//! `Recording`: everything that the crash states of a run depend on.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::file_system::FileSystem;
use crate::form::Form;
use crate::image::Image;
use crate::write_log::{Write, WriteLog};

/// The log of a disk, and its content from before the log. The kernel writes in another order each time, so
/// a state is replayed from a recording and never from the seed alone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recording {
    pub(crate) file_system: FileSystem,
    pub(crate) form: Form,
    /// The seed of the changes.
    pub(crate) seed: u64,
    pub(crate) before: Image,
    pub(crate) log: WriteLog,
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    file_system: FileSystem,
    form: Form,
    seed: u64,
    before: Vec<Write>,
    log: WriteLog,
}

impl Recording {
    /// Writes the recording to a file, as compressed JSON.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let block = |(at, bytes): (u64, &[u8])| Write {
            at,
            bytes: bytes.to_vec(),
        };
        let kept = Kept {
            file_system: self.file_system,
            form: self.form,
            seed: self.seed,
            before: self.before.written().map(block).collect(),
            log: self.log.clone(),
        };
        let writing = || format!("writing {}", path.display());
        let file = File::create(path).with_context(writing)?;
        let mut packed = GzEncoder::new(BufWriter::new(file), Compression::fast());
        serde_json::to_writer(&mut packed, &kept).with_context(writing)?;
        let file = packed.finish().with_context(writing)?;
        file.into_inner().with_context(writing)?;
        Ok(())
    }

    /// Reads a recording from a file.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let reading = || format!("reading {}", path.display());
        let file = File::open(path).with_context(reading)?;
        let unpacked = BufReader::new(GzDecoder::new(BufReader::new(file)));
        let kept: Kept = serde_json::from_reader(unpacked).with_context(reading)?;
        let mut before = Image::default();
        for Write { at, bytes } in &kept.before {
            before.write(*at, bytes);
        }
        Ok(Self {
            file_system: kept.file_system,
            form: kept.form,
            seed: kept.seed,
            before,
            log: kept.log,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_log::Event;

    #[test]
    fn a_recording_is_read_back_as_it_was_saved() {
        let mut before = Image::default();
        before.write(5000, b"before");
        let mut log = WriteLog::default();
        let (at, bytes) = (4096, vec![0, 255, 7]);
        log.push(Event::Begun(0));
        log.push(Event::Write(Write { at, bytes }));
        log.push(Event::Flush);
        log.push(Event::Acknowledged(0));
        let recording = Recording {
            file_system: FileSystem::Xfs,
            form: Form::OneBarrier,
            seed: 7,
            before,
            log,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording");
        recording.save(&path).unwrap();
        assert_eq!(Recording::load(&path).unwrap(), recording);
    }
}
