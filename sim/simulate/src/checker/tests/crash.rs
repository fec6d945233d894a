//! Power cuts after histories of the real code, with and without a seeded bug.

use std::num::NonZeroUsize;

use hv_sim::{HostOptions, SimHost};
use userdata::Userdata;
use userdata_core::file_name::NameFormat;
use userdata_core::store::Durability;
use userdata_fs::FileStore;

use super::super::{CrashCheck, CrashChecked, HostImage};
use super::story::{FULL, destroy_all, key, remove, slot, store_at, tree, xl};
use crate::history::{Event, History, Invocation, OperationId, ProcessId, Response};
use crate::root_behind;
use crate::walk::{Action, Guarantee};
use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
use userdata_sim::interpose::WithoutSyncs;
use userdata_sim::{SimDisk, SimOptions};

const MODELS: [CrashModel; 2] = [
    CrashModel {
        names: NameOrder::Journalled,
        sizes: Sizes::FollowBytes,
    },
    CrashModel {
        names: NameOrder::Weak,
        sizes: Sizes::Vary,
    },
];

/// Lets one process do this, cuts the power, and looks. The last action may not have ended.
fn cut_after(actions: &[Action], bug: WithoutSyncs, last_ends: bool) -> CrashChecked {
    let mut options = SimOptions::default();
    options.storage.block = NonZeroUsize::new(4);
    let disk = SimDisk::new(options);
    let host = SimHost::new(HostOptions::new(1).with_spurious_one_in(0));
    for domid in [5, 50] {
        let domain = key(domid);
        let new = hv_sim::NewDomain::new().with_domid(domain.domid);
        host.create(new.with_uuid(domain.uuid)).unwrap();
    }
    let before = HostImage {
        host: host.state(),
        tree: tree(&[]),
    };
    let root = root_behind(&disk.process(), bug).unwrap();
    let userdata = Userdata::new(host.clone(), FileStore::new(root));
    let (mut history, process) = (History::default(), ProcessId(0));
    for (number, action) in actions.iter().enumerate() {
        let id = OperationId(number);
        history.events.push(Event::Invoked {
            process,
            id,
            invocation: Invocation::Userdata(action.clone()),
        });
        let response = Response::Userdata(action.perform(&userdata, &host));
        if last_ends || number + 1 < actions.len() {
            history.events.push(Event::Responded {
                process,
                id,
                response,
            });
        }
    }
    history.events.push(Event::PowerCut);
    let check = CrashCheck {
        history: &history,
        format: NameFormat::Libxl,
        before: &before,
        storage: &disk.storage(),
        models: &MODELS,
        states_max: 10_000,
        seed: 0,
    };
    check.check().unwrap()
}

fn stores(durability: Durability) -> Vec<Action> {
    vec![
        store_at(xl(), "old value", FULL),
        store_at(xl(), "new value", durability),
        store_at(slot(50, "xl"), "elsewhere", durability),
    ]
}

#[track_caller]
fn first(checked: &CrashChecked) -> (Guarantee, String) {
    let complaint = checked.complaints.first().expect("nothing is found");
    assert!(complaint.kept.is_some(), "{complaint}");
    (complaint.guarantee, complaint.to_string())
}

#[test]
fn no_power_cut_breaks_what_the_real_code_reported() {
    let all = [Durability::Process, Durability::File, FULL];
    for durability in all {
        for more in [None, Some(remove(xl())), Some(destroy_all(5))] {
            for last_ends in [true, false] {
                let actions: Vec<Action> =
                    stores(durability).into_iter().chain(more.clone()).collect();
                let checked = cut_after(&actions, WithoutSyncs::default(), last_ends);
                assert!(checked.complaints.is_empty(), "{}", checked.complaints[0]);
                assert!(checked.checked > 0 && checked.recovered > 0 && checked.reads > 0);
            }
        }
    }
    let torn = cut_after(&stores(Durability::Process), WithoutSyncs::default(), true);
    assert!(
        torn.states > 100,
        "values that are not synced are left in many ways: {torn}"
    );
}

#[test]
fn a_lost_value_that_was_reported_as_durable_is_found() {
    let bug = WithoutSyncs {
        files: false,
        directories: true,
        ..WithoutSyncs::default()
    };
    let (guarantee, text) = first(&cut_after(&stores(FULL), bug, true));
    assert_eq!(guarantee, Guarantee::Durability, "{text}");
    assert!(
        text.contains("a later change is reported as durable"),
        "{text}"
    );
    assert!(text.contains("store 5.xl \"old value\""), "{text}");
    let (guarantee, text) = first(&cut_after(
        &[store_at(xl(), "a value", FULL), remove(xl())],
        bug,
        true,
    ));
    assert_eq!(guarantee, Guarantee::Durability, "{text}");
    assert!(text.contains("remove 5.xl"), "{text}");
}

#[test]
fn what_is_durable_takes_earlier_changes_along() {
    // The first store says nothing of durability, and the second syncs the directory.
    let actions = [
        store_at(xl(), "new value", Durability::File),
        store_at(slot(50, "xl"), "elsewhere", FULL),
    ];
    let bug = WithoutSyncs {
        files: false,
        directories: true,
        ..WithoutSyncs::default()
    };
    let (guarantee, text) = first(&cut_after(&actions, bug, true));
    assert_eq!(guarantee, Guarantee::Durability, "{text}");
    assert!(text.starts_with("G10 durability: userdata-d.5."), "{text}");
    let sound = cut_after(&actions, WithoutSyncs::default(), true);
    assert!(sound.complaints.is_empty(), "{}", sound.complaints[0]);
}

#[test]
fn a_value_that_was_to_be_whole_and_is_torn_is_found() {
    let bug = WithoutSyncs {
        files: true,
        directories: false,
        ..WithoutSyncs::default()
    };
    for durability in [Durability::File, FULL] {
        let (guarantee, text) = first(&cut_after(&stores(durability), bug, true));
        assert_eq!(guarantee, Guarantee::Atomic, "{text}");
    }
    let (guarantee, text) = first(&cut_after(&stores(FULL)[..2], bug, false));
    assert_eq!(guarantee, Guarantee::Atomic, "{text}");
}
