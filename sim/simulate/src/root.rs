//! `Root`: the root directory of a simulated process.

use std::sync::Arc;

use userdata_fs::Errno;
use userdata_sim::interpose::{Interceptor, Interposed};
use userdata_sim::{SimDirectory, SimProcess};

/// The root directory of a simulated process, behind an interceptor of any type.
pub type Root = Interposed<SimDirectory, dyn Interceptor>;

/// The root directory of this process.
///
/// # Errors
///
/// As [`SimProcess::root`].
pub(crate) fn plain_root(process: &SimProcess) -> Result<Root, Errno> {
    root_behind(process, ())
}

/// The same, behind this interceptor. A sync that it makes fail loses the bytes.
///
/// # Errors
///
/// As [`SimProcess::root`].
pub fn root_behind(process: &SimProcess, interceptor: impl Interceptor) -> Result<Root, Errno> {
    let root = Interposed::behind(
        Arc::new(interceptor) as Arc<dyn Interceptor>,
        process.root()?,
    );
    Ok(root.losing(SimDirectory::lose_writeback))
}

#[cfg(test)]
mod tests {
    use userdata_fs::{Directory as _, Name};
    use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
    use userdata_sim::faults::{At, Fault, Faults, How};
    use userdata_sim::interpose::CallKind;
    use userdata_sim::{Plant, SimDisk, SimOptions};

    use super::*;

    #[test]
    fn a_sync_that_an_interceptor_makes_fail_loses_the_bytes() {
        let disk = SimDisk::new(SimOptions::default());
        let fault = Fault {
            at: At::Kind(CallKind::SyncFile, 0),
            how: How::Fails(Errno::IO),
        };
        let root = root_behind(&disk.process(), Faults::new([fault])).unwrap();
        let name = Name::new(b"a").unwrap();
        root.inner()
            .plant(name, Plant::File(b"old".to_vec()))
            .unwrap();
        let file = root.open_lock(name).unwrap();
        root.write(&file, b"new").unwrap();
        assert_eq!(root.sync_file(&file), Err(Errno::IO));
        // The sync that is made once more has nothing to write, and succeeds.
        assert_eq!(root.sync_file(&file), Ok(()));
        let (names, sizes) = (NameOrder::Weak, Sizes::Vary);
        let storage = disk.storage();
        let states = storage.crash_states(CrashModel { names, sizes });
        for state in states.iter() {
            assert_eq!(state.tree().file(b"a"), Some(&b"old"[..]));
        }
    }
}
