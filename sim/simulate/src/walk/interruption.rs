//! Faults that must not make an action fail: a call that a signal interrupted is made again, a call
//! that stopped early is continued, and a file that another process leases is opened again.

use userdata_fs::Errno;

use super::Report;
use userdata_sim::faults::{Fault, How};
use userdata_sim::interpose::CallKind;

/// Reports an action that failed although there were only such faults. A sync is the exception: it
/// is never made a second time.
pub(super) fn check(
    faults: &[(Fault, Option<CallKind>)],
    report: &Report,
) -> Result<(), &'static str> {
    let harmless = |(fault, kind): &(Fault, Option<CallKind>)| match (fault.how, kind) {
        (_, None) => false,
        (_, Some(kind)) if is_sync(*kind) => false,
        (How::Fails(Errno::AGAIN), Some(CallKind::Open | CallKind::OpenLock)) => true,
        (How::Fails(errno), _) => errno == Errno::INTR,
        // A listing that stops fails with EIO.
        (How::Short(length), Some(kind)) => length > 0 && *kind != CallKind::List,
    };
    let failed = match report {
        Report::Failed(_) | Report::StoredEach(_) => !report.failures().is_empty(),
        Report::Cleared(cleared, problems) => {
            !problems.is_empty() || cleared.as_ref().is_none_or(|c| !c.failed.is_empty())
        }
        Report::StillThere(problems) => !problems.is_empty(),
        Report::Unknown(_) => true,
        _ => false,
    };
    if failed && faults.iter().all(harmless) {
        return Err("it failed, although nothing happened but interruptions and leases");
    }
    Ok(())
}

const fn is_sync(kind: CallKind) -> bool {
    matches!(
        kind,
        CallKind::Sync
            | CallKind::SyncFile
            | CallKind::WriteBack
            | CallKind::SyncFileAndName
            | CallKind::SyncAll
    )
}
