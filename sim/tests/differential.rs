//! The same calls on a simulated directory and on a real one give the same answers, errno included.
//!
//! Files are compared by what can be told from outside: an identity is compared with those of all
//! files that are open, since its number means nothing. The bytes in a pipe are not compared:
//! no test here writes to one.

use std::ops::ControlFlow;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rustix::fs::{CWD, Mode, OFlags, makedev, mknodat};
use userdata_core::store::FileType;
use userdata_fs::{Directory, Errno, LockMode, Metadata, Name, OsDirectory};
use userdata_sim::interpose::{Interposed, Trace};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions};

/// One call. Numbers choose among what is open, modulo how many there are; names among a few.
#[derive(Clone, Debug)]
enum Op {
    Create(usize, usize),
    OpenLock(usize, usize),
    Link(usize, usize, usize),
    RenameNoReplace(usize, usize, usize),
    Open(usize, usize),
    Close(usize),
    Read(usize, usize),
    Write(usize, usize),
    Metadata(usize),
    MetadataAt(usize, usize),
    Lock(usize, LockMode),
    Unlock(usize),
    SyncFile(usize),
    Rename(usize, usize, usize, usize),
    Unlink(usize, usize),
    MakeDirectory(usize, usize),
    OpenDirectory(usize, usize),
    CloseDirectory(usize),
    RemoveDirectory(usize, usize),
    List(usize),
    Sync(usize),
    Plant(usize, Hostile),
}

#[derive(Clone, Copy, Debug)]
enum Hostile {
    Dangling,
    LinkToFile,
    LinkToDirectory,
    Fifo,
    Socket,
    Device,
    Huge,
}

/// Something that can be told from outside.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    Done,
    Count(usize),
    Bytes(Vec<u8>),
    Names(Vec<Vec<u8>>),
    /// Type, size where it has a meaning, and which of the open files it is.
    Metadata(FileType, Option<u64>, Vec<bool>),
}

struct Arm<D: Directory, P: Fn(Name<'_>, Hostile)> {
    plant: P,
    directories: Vec<D>,
    files: Vec<D::File>,
}

fn names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = ["a", "b", "c", "d"]
        .map(|name| name.as_bytes().to_vec())
        .into();
    names.push(vec![b'x'; 255]);
    names.push(vec![b'x'; 256]);
    names
}

impl<D: Directory, P: Fn(Name<'_>, Hostile)> Arm<D, P> {
    fn run(&mut self, op: &Op) -> Result<Seen, Errno> {
        let names = names();
        let name = |at: usize| Name::new(&names[at % names.len()]).unwrap();
        let at = |at: usize| at % self.directories.len();
        let directory = |number: usize| &self.directories[at(number)];
        let file = |number: usize| match self.files.len() {
            0 => None,
            len => Some((number % len, &self.files[number % len])),
        };
        match *op {
            Op::Create(in_, n) => {
                let file = directory(in_).create(name(n))?;
                self.files.push(file);
            }
            Op::OpenLock(in_, n) => {
                let file = directory(in_).open_lock(name(n))?;
                self.files.push(file);
            }
            Op::Link(in_, from, to) => directory(in_).link(name(from), name(to))?,
            Op::RenameNoReplace(in_, from, to) => {
                directory(in_).rename_no_replace(name(from), name(to))?;
            }
            Op::Open(in_, n) => {
                let file = directory(in_).open(name(n))?;
                self.files.push(file);
            }
            Op::Close(number) => {
                let Some((at, _)) = file(number) else {
                    return Ok(Seen::Nothing);
                };
                let file = self.files.remove(at);
                self.directories[0].close(file)?;
            }
            Op::Read(number, length) => {
                let Some((_, file)) = file(number) else {
                    return Ok(Seen::Nothing);
                };
                if self.is_fifo(file) {
                    return Ok(Seen::Nothing);
                }
                let mut bytes = vec![0; length];
                let count = directory(0).read(file, &mut bytes)?;
                bytes.truncate(count);
                return Ok(Seen::Bytes(bytes));
            }
            Op::Write(number, length) => {
                let Some((_, file)) = file(number) else {
                    return Ok(Seen::Nothing);
                };
                if self.is_fifo(file) {
                    return Ok(Seen::Nothing);
                }
                let bytes: Vec<u8> = (b'a'..=b'z').cycle().skip(number).take(length).collect();
                return directory(0).write(file, &bytes).map(Seen::Count);
            }
            Op::Metadata(number) => {
                let Some((_, file)) = file(number) else {
                    return Ok(Seen::Nothing);
                };
                return Ok(self.seen(directory(0).metadata(file)?));
            }
            Op::MetadataAt(in_, n) => return Ok(self.seen(directory(in_).metadata_at(name(n))?)),
            Op::Lock(number, mode) => match file(number) {
                Some((_, file)) => directory(0).lock(file, mode)?,
                None => return Ok(Seen::Nothing),
            },
            Op::Unlock(number) => match file(number) {
                Some((_, file)) => directory(0).unlock(file)?,
                None => return Ok(Seen::Nothing),
            },
            Op::SyncFile(number) => match file(number) {
                Some((_, file)) => directory(0).sync_file(file)?,
                None => return Ok(Seen::Nothing),
            },
            Op::Rename(in_, from, into, to) if at(in_) == at(into) => {
                directory(in_).rename(name(from), name(to))?;
            }
            Op::Rename(in_, from, into, to) => {
                directory(in_).rename_into(name(from), directory(into), name(to))?;
            }
            Op::Unlink(in_, n) => directory(in_).unlink(name(n))?,
            Op::MakeDirectory(in_, n) => directory(in_).make_directory(name(n))?,
            Op::OpenDirectory(in_, n) => {
                let child = directory(in_).open_directory(name(n))?;
                self.directories.push(child);
            }
            Op::CloseDirectory(number) => match at(number) {
                0 => return Ok(Seen::Nothing),
                at => drop(self.directories.remove(at)),
            },
            Op::RemoveDirectory(in_, n) => directory(in_).remove_directory(name(n))?,
            Op::List(in_) => {
                let mut found = Vec::new();
                directory(in_).list(&mut |name| {
                    found.push(name.as_bytes().to_vec());
                    ControlFlow::Continue(())
                })?;
                found.sort();
                return Ok(Seen::Names(found));
            }
            Op::Sync(in_) => directory(in_).sync()?,
            Op::Plant(n, hostile) => {
                if directory(0).metadata_at(name(n)) != Err(Errno::NOENT) {
                    return Ok(Seen::Nothing);
                }
                (self.plant)(name(n), hostile);
            }
        }
        Ok(Seen::Done)
    }

    fn is_fifo(&self, file: &D::File) -> bool {
        self.directories[0].metadata(file).unwrap().file_type == FileType::Fifo
    }

    fn seen(&self, metadata: Metadata) -> Seen {
        let directory = &self.directories[0];
        let same = |file| directory.metadata(file).unwrap().identity == metadata.identity;
        let sized = matches!(metadata.file_type, FileType::Regular | FileType::Symlink);
        let size = sized.then_some(metadata.size);
        Seen::Metadata(
            metadata.file_type,
            size,
            self.files.iter().map(same).collect(),
        )
    }
}

fn plant_real(path: &Path, name: Name<'_>, hostile: Hostile) {
    use std::os::unix::ffi::OsStrExt as _;
    let path = path.join(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let special = |file_type, device| {
        mknodat(CWD, &path, file_type, Mode::RUSR | Mode::WUSR, device).unwrap();
    };
    match hostile {
        Hostile::Dangling => std::os::unix::fs::symlink("nowhere", path).unwrap(),
        Hostile::LinkToFile => std::os::unix::fs::symlink("a", path).unwrap(),
        Hostile::LinkToDirectory => std::os::unix::fs::symlink(".", path).unwrap(),
        Hostile::Fifo => special(rustix::fs::FileType::Fifo, 0),
        Hostile::Socket => special(rustix::fs::FileType::Socket, 0),
        Hostile::Device => special(rustix::fs::FileType::CharacterDevice, makedev(1, 3)),
        Hostile::Huge => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
            let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).unwrap();
            rustix::fs::ftruncate(file, 1 << 40).unwrap();
        }
    }
}

fn plant_simulated(root: &SimDirectory, name: Name<'_>, hostile: Hostile) {
    let plant = match hostile {
        Hostile::Dangling => Plant::Symlink(b"nowhere".to_vec()),
        Hostile::LinkToFile => Plant::Symlink(b"a".to_vec()),
        Hostile::LinkToDirectory => Plant::Symlink(b".".to_vec()),
        Hostile::Fifo => Plant::Fifo,
        Hostile::Socket => Plant::Socket,
        Hostile::Device => Plant::Device,
        Hostile::Huge => Plant::Zeros(1 << 40),
    };
    root.plant(name, plant).unwrap();
}

fn may_make_devices() -> bool {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("device");
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(
        CWD,
        &path,
        rustix::fs::FileType::CharacterDevice,
        mode,
        makedev(1, 3),
    )
    .is_ok()
        && std::fs::File::open(path).is_ok()
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    // The first names and the root are used most, so that calls meet each other.
    let name = || prop_oneof![8 => 0..4_usize, 1 => 4..6_usize];
    let in_ = || prop_oneof![3 => Just(0_usize), 2 => 0..4_usize];
    let file = || 0..6_usize;
    let mode = select(vec![LockMode::Exclusive, LockMode::Shared]);
    let mut hostile = vec![
        Hostile::Dangling,
        Hostile::LinkToFile,
        Hostile::LinkToDirectory,
        Hostile::Fifo,
        Hostile::Socket,
        Hostile::Huge,
    ];
    if may_make_devices() {
        hostile.push(Hostile::Device);
    }
    let open = prop_oneof![
        (in_(), name()).prop_map(|(d, n)| Op::Create(d, n)),
        (in_(), name()).prop_map(|(d, n)| Op::OpenLock(d, n)),
        (in_(), name()).prop_map(|(d, n)| Op::Open(d, n)),
        (in_(), name(), name()).prop_map(|(d, n, m)| Op::Link(d, n, m)),
        (in_(), name()).prop_map(|(d, n)| Op::OpenDirectory(d, n)),
        file().prop_map(Op::Close),
        (1..4_usize).prop_map(Op::CloseDirectory),
    ];
    let content = prop_oneof![
        (file(), 0..9_usize).prop_map(|(f, l)| Op::Read(f, l)),
        (file(), 0..9_usize).prop_map(|(f, l)| Op::Write(f, l)),
        file().prop_map(Op::Metadata),
        (in_(), name()).prop_map(|(d, n)| Op::MetadataAt(d, n)),
        (file(), mode).prop_map(|(f, m)| Op::Lock(f, m)),
        file().prop_map(Op::Unlock),
        file().prop_map(Op::SyncFile),
    ];
    let change = prop_oneof![
        4 => (in_(), name(), in_(), name()).prop_map(|(d, n, e, m)| Op::Rename(d, n, e, m)),
        2 => (in_(), name(), name()).prop_map(|(d, n, m)| Op::RenameNoReplace(d, n, m)),
        2 => (in_(), name()).prop_map(|(d, n)| Op::Unlink(d, n)),
        2 => (in_(), name()).prop_map(|(d, n)| Op::MakeDirectory(d, n)),
        2 => (in_(), name()).prop_map(|(d, n)| Op::RemoveDirectory(d, n)),
        1 => in_().prop_map(Op::List),
        1 => in_().prop_map(Op::Sync),
        1 => (name(), select(hostile)).prop_map(|(n, h)| Op::Plant(n.min(4), h)),
    ];
    vec(prop_oneof![open, content, change], 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400),
    ))]

    #[test]
    fn a_simulated_directory_answers_as_a_real_one(ops in ops()) {
        let real = tempfile::tempdir().unwrap();
        let mut real_arm = Arm {
            plant: |name: Name<'_>, hostile| plant_real(real.path(), name, hostile),
            directories: vec![OsDirectory::open(real.path()).unwrap()],
            files: Vec::new(),
        };
        let process = SimDisk::new(SimOptions::default()).process();
        let planter = process.root().unwrap();
        let mut simulated_arm = Arm {
            plant: |name: Name<'_>, hostile| plant_simulated(&planter, name, hostile),
            directories: vec![process.root().unwrap()],
            files: Vec::new(),
        };
        for (at, op) in ops.iter().enumerate() {
            let (real, simulated) = (real_arm.run(op), simulated_arm.run(op));
            prop_assert_eq!(simulated, real, "call {}: {:?}", at, op);
        }
    }

    #[test]
    fn a_trace_changes_no_answer_and_is_the_same_every_time(ops in ops()) {
        let traced = || {
            let process = SimDisk::new(SimOptions::default()).process();
            let planter = process.root().unwrap();
            let trace = Trace::default();
            let mut arm = Arm {
                plant: |name: Name<'_>, hostile| plant_simulated(&planter, name, hostile),
                directories: vec![Interposed::new(process.root().unwrap(), trace.clone())],
                files: Vec::new(),
            };
            let seen: Vec<_> = ops.iter().map(|op| arm.run(op)).collect();
            (seen, trace.to_string())
        };
        let process = SimDisk::new(SimOptions::default()).process();
        let planter = process.root().unwrap();
        let mut plain = Arm {
            plant: |name: Name<'_>, hostile| plant_simulated(&planter, name, hostile),
            directories: vec![process.root().unwrap()],
            files: Vec::new(),
        };
        let seen: Vec<_> = ops.iter().map(|op| plain.run(op)).collect();
        let (first, second) = (traced(), traced());
        prop_assert_eq!(&first.0, &seen);
        prop_assert_eq!(first.1, second.1);
    }
}
