//! `check`: a peer does what it is timed for. Every peer passes before a figure of it is taken.

use anyhow::{Context as _, Result, ensure};

use crate::lineup::Kind;
use crate::peer::Peer;
use crate::slot::{Slot, Subject};
use crate::work::{Turn, Values, Work};

/// Stores, reads back, lists, removes and clears, and does every work once.
///
/// # Errors
///
/// Which part the peer does not do.
pub fn check(peer: &mut dyn Peer, kind: Kind) -> Result<()> {
    let (one, other) = (kind.domain(0)?, kind.domain(1)?);
    values_come_back(peer, &one).context("what is stored does not come back")?;
    the_right_values_go(peer, &one, &other).context("other values go than those removed")?;
    for work in Work::SINGLE.into_iter().chain([Work::Destroy]) {
        every_work_is_done(peer, work, &other).with_context(|| format!("{work} is not done"))?;
    }
    peer.clear(&one)?;
    peer.clear(&other)
}

fn values_come_back(peer: &mut dyn Peer, domain: &Subject) -> Result<()> {
    let slot = domain.slot(0)?;
    ensure!(peer.retrieve(&slot)?.is_none(), "a value before any store");
    ensure!(peer.size(&slot)?.is_none(), "a size before any store");
    ensure!(peer.list(domain)?.is_empty(), "a list before any store");
    let mut before = Vec::new();
    for length in [512, 4096, 64 * 1024, 9] {
        let mut values = Values::new(length as u64, length);
        for _ in 0..2 {
            let value = values.advance().to_vec();
            peer.store(&slot, &value)?;
            ensure!(value != before, "the values do not differ");
            let found = peer.retrieve(&slot)?;
            ensure!(found.as_ref() == Some(&value), "{length} bytes are lost");
            ensure!(peer.size(&slot)? == Some(length as u64), "another size");
            before = value;
        }
    }
    Ok(())
}

fn the_right_values_go(peer: &mut dyn Peer, one: &Subject, other: &Subject) -> Result<()> {
    let slots: Vec<Slot> = (0..12).map(|n| one.slot(n)).collect::<Result<_>>()?;
    let kept = other.slot(0)?;
    for slot in slots.iter().chain([&kept]) {
        peer.store(slot, slot.name.as_bytes())?;
    }
    let mut listed = peer.list(one)?;
    listed.sort();
    let mut expected: Vec<String> = slots.iter().map(|s| s.userid().to_owned()).collect();
    expected.sort();
    ensure!(listed == expected, "{listed:?} listed");
    let (removed, rest) = slots.split_first().context("twelve slots")?;
    peer.remove(removed)?;
    peer.remove(removed).context("removing what is gone")?;
    ensure!(peer.retrieve(removed)?.is_none(), "it is still there");
    for slot in rest {
        let found = peer.retrieve(slot)?;
        ensure!(
            found.as_deref() == Some(slot.name.as_bytes()),
            "{}",
            slot.name
        );
    }
    peer.clear(one)?;
    ensure!(peer.list(one)?.is_empty(), "a clear leaves values");
    for slot in rest {
        ensure!(peer.retrieve(slot)?.is_none(), "{} is left", slot.name);
    }
    let found = peer.retrieve(&kept)?;
    ensure!(
        found.as_deref() == Some(kept.name.as_bytes()),
        "the value of another domain is gone"
    );
    peer.clear(other)
}

fn every_work_is_done(peer: &mut dyn Peer, work: Work, domain: &Subject) -> Result<()> {
    let mut turn = Turn {
        work: Work::Clear,
        domain: domain.clone(),
        number: 0,
        length: 4096,
        seed: 1,
        early: 1,
        times: 2,
    };
    peer.clear(domain)?;
    if work.reads() {
        for number in 0..crate::work::VALUES {
            let value = Values::new(u64::from(number), turn.length)
                .advance()
                .to_vec();
            peer.store(&domain.slot(number)?, &value)?;
        }
    }
    turn.work = work;
    if work == Work::Destroy {
        turn.early = 0;
    }
    let took = peer.turn(&turn)?;
    ensure!(!took.is_zero(), "it takes no time");
    let left = peer.list(domain)?.len();
    let expected = match work {
        Work::Replace | Work::Retrieve | Work::Size | Work::List => 5,
        Work::StoreNew => 1,
        Work::Remove | Work::Clear | Work::Destroy => 0,
    };
    ensure!(left == expected, "{left} values are left");
    if work == Work::StoreNew {
        let value = peer.retrieve(&domain.slot(0)?)?;
        let counter = value.as_ref().and_then(|value| value.first_chunk());
        // The third of three values.
        ensure!(counter == Some(&4_u64.to_le_bytes()), "another value");
    }
    Ok(())
}
