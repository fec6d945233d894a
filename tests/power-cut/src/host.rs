//! The host that loses its power: a process that mounts the disk, stores and reads.
//!
//! Another process serves the disk. A process that waited for a disk that it serves itself could not be
//! killed.

use std::fs::{self, File};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::store::Operation;

use crate::file_system::FileSystem;
use crate::form::{Form, Subject};
use crate::mounted::{Mounted, NotMounted};
use crate::orders::{AfterFailedSync, Answer, FailedSync, Order};
use crate::value::value;
use crate::workload::{KEYS, KEYS_BEFORE, VERSION_BEFORE, changes, len_before};

/// Longer than the interval at which the file systems commit.
const COMMIT: Duration = Duration::from_millis(1200);

/// Long enough for some pending writes.
const PAUSE: Duration = Duration::from_millis(250);

/// The length of a file that is overwritten, and then not synced.
const OVERWRITTEN_LEN: usize = 8192;

/// Carries out orders from standard input until it ends.
pub(crate) fn run(file_system: FileSystem, mount_point: &Path) -> Result<()> {
    let host = Host {
        file_system,
        mount_point: mount_point.to_owned(),
    };
    while let Some(line) = read_line()? {
        let order = serde_json::from_str(&line).context("reading an order")?;
        let answer = host.obey(order).unwrap_or_else(|error| {
            error.downcast::<NotMounted>().map_or_else(
                |error| Answer::Error(format!("{error:#}")),
                |error| match error {
                    NotMounted::Refused(why) => Answer::Unmountable(why),
                    NotMounted::Error(error) => Answer::Error(format!("{error:#}")),
                },
            )
        });
        send(&answer)?;
    }
    Ok(())
}

struct Host {
    file_system: FileSystem,
    mount_point: PathBuf,
}

impl Host {
    fn obey(&self, order: Order) -> Result<Answer> {
        match order {
            Order::Change { disk, form, seed } => self.change(&disk, form, seed),
            Order::Look { disk } => self.look(&disk),
            Order::FailSync { disk } => self.fail_sync(&disk),
            Order::LookAfterFailedSync { disk } => self.look_after_failed_sync(&disk),
        }
    }

    fn mount(&self, disk: &Path) -> Result<Mounted> {
        Ok(Mounted::new(self.file_system, disk, &self.mount_point)?)
    }

    /// The directory of the store.
    fn folder(&self) -> PathBuf {
        self.mount_point.join("xen")
    }

    fn change(&self, disk: &Path, form: Form, seed: u64) -> Result<Answer> {
        let mounted = self.mount(disk)?;
        fs::create_dir(self.folder()).context("making the store's directory")?;
        let subject = Subject::new(&self.folder(), form)?;
        for key in 0..KEYS_BEFORE {
            subject.store(key, &value(key, VERSION_BEFORE, len_before(key)))?;
        }
        let mut other = File::create(self.mount_point.join("other-program"))?;
        rustix::fs::syncfs(&other).context("syncing the file system")?;
        send_and_wait(&Answer::Watch)?;
        for (number, change) in changes(seed).into_iter().enumerate() {
            let bytes = change
                .stored
                .map(|stored| value(change.key, stored.version, stored.len));
            send_and_wait(&Answer::Begin(number))?;
            subject.store(change.key, &bytes.unwrap_or_default())?;
            send_and_wait(&Answer::Acknowledge(number))?;
            // Another program's sync makes the file system commit between our changes.
            if number % 7 == 6 {
                other.write_all(&[0; 100])?;
                other.sync_data()?;
            }
            if number % 9 == 8 {
                thread::sleep(PAUSE);
            }
        }
        thread::sleep(COMMIT);
        send_and_wait(&Answer::Stop)?;
        drop((subject, other));
        mounted.unmount()?;
        Ok(Answer::Changed)
    }

    fn look(&self, disk: &Path) -> Result<Answer> {
        self.file_system.repair(disk)?;
        let mounted = self.mount(disk)?;
        let subject = Subject::new(&self.folder(), Form::Process)?;
        let found = (0..KEYS)
            .map(|key| subject.look(key))
            .collect::<Result<_>>()?;
        drop(subject);
        mounted.unmount()?;
        Ok(Answer::Found(found))
    }

    fn fail_sync(&self, disk: &Path) -> Result<Answer> {
        let mounted = self.mount(disk)?;
        let path = self.mount_point.join("overwritten");
        let overwritten = File::create_new(&path)?;
        overwritten.write_all_at(&[b'A'; OVERWRITTEN_LEN], 0)?;
        fs::create_dir(self.folder())?;
        let subject = Subject::new(&self.folder(), Form::Full)?;
        subject.store(0, &value(0, VERSION_BEFORE, OVERWRITTEN_LEN))?;
        rustix::fs::syncfs(&overwritten).context("syncing the file system")?;

        overwritten.write_all_at(&[b'B'; OVERWRITTEN_LEN], 0)?;
        send_and_wait(&Answer::FailWrites(1))?;
        let first_sync = overwritten.sync_data().err();
        send_and_wait(&Answer::FailWrites(0))?;
        let cached = first_letter(&path)?;
        let second_sync = overwritten.sync_data().err();

        send_and_wait(&Answer::FailWrites(1))?;
        let stored = subject.store(0, &value(0, VERSION_BEFORE + 1, OVERWRITTEN_LEN));
        send_and_wait(&Answer::FailWrites(0))?;
        let error = stored.err();
        let failed = FailedSync {
            first_sync: first_sync.map(|error| error.to_string()),
            cached,
            second_sync: second_sync.map(|error| error.to_string()),
            names_sync: error.as_ref().is_some_and(is_failed_sync),
            store: error.map(|error| format!("{error:#}")),
            found: subject.look(0)?,
            other_files: self.other_files()?,
        };
        drop((subject, overwritten));
        mounted.unmount()?;
        Ok(Answer::FailedSync(failed))
    }

    fn look_after_failed_sync(&self, disk: &Path) -> Result<Answer> {
        let mounted = self.mount(disk)?;
        let subject = Subject::new(&self.folder(), Form::Full)?;
        let left = AfterFailedSync {
            on_disk: first_letter(&self.mount_point.join("overwritten"))?,
            found: subject.look(0)?,
            other_files: self.other_files()?,
        };
        drop(subject);
        mounted.unmount()?;
        Ok(Answer::AfterFailedSync(left))
    }

    fn other_files(&self) -> Result<usize> {
        let files = fs::read_dir(self.folder()).context("listing the store's directory")?;
        Ok(files.count().saturating_sub(1))
    }
}

/// Whether the error says that the sync of the file failed.
fn is_failed_sync(error: &anyhow::Error) -> bool {
    match error
        .downcast_ref::<UserdataError>()
        .map(UserdataError::kind)
    {
        Some(UserdataErrorKind::Store(error)) => error.operation() == Operation::SyncFile,
        _ => false,
    }
}

fn first_letter(path: &Path) -> Result<char> {
    let mut letter = [0];
    let reading = || format!("reading {}", path.display());
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut letter))
        .with_context(reading)?;
    Ok(char::from(letter[0]))
}

fn send(answer: &Answer) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    out.flush().context("answering")
}

fn send_and_wait(answer: &Answer) -> Result<()> {
    send(answer)?;
    match read_line()? {
        Some(_) => Ok(()),
        None => bail!("the rig has ended"),
    }
}

fn read_line() -> Result<Option<String>> {
    let mut line = String::new();
    let len = io::stdin()
        .lock()
        .read_line(&mut line)
        .context("reading an order")?;
    Ok((len > 0).then_some(line))
}
