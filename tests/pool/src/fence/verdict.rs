//! What was told of the stores, against what etcd remembers.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use super::{End, Stored};
use crate::host::uuid;
use crate::revisions::{self, Change};

/// Holds the stores against what etcd remembers.
pub(super) fn judge(seen: &[Stored], changes: &[Change], last: Option<&str>) -> Result<String> {
    let turn_key = format!("/userdata/1/turn/{}", uuid(1));
    let data_key = format!("/userdata/1/data/{}/agent", uuid(1));
    let mut problems = BTreeSet::new();
    let mut home: Option<BTreeMap<String, String>> = None;
    let mut made: BTreeMap<String, i64> = BTreeMap::new();
    let mut newest = None;
    let by_revision = changes.chunk_by(|one, next| one.revision == next.revision);
    for together in by_revision {
        let of = |key: &str| together.iter().find(|change| change.key == key);
        let turn = of(&turn_key).map(|change| change.value.as_deref().map(revisions::words));
        if let Some(data) = of(&data_key) {
            let Some(value) = &data.value else {
                problems.insert(format!("revision {}: a value is gone", data.revision));
                continue;
            };
            let value = String::from_utf8_lossy(value).into_owned();
            let by = value.split('.').next().unwrap_or_default().to_owned();
            let is_home = |home: &BTreeMap<String, String>| {
                home.get("host") == Some(&by) && !home.contains_key("released")
            };
            // By the home before it, and by the one that the same transaction leaves.
            let before = home.as_ref().is_none_or(is_home);
            let after = turn
                .as_ref()
                .is_some_and(|turn| turn.as_ref().is_some_and(is_home));
            if !before || !after {
                problems.insert(format!("revision {}: {value}: {home:?}", data.revision));
            }
            if made.insert(value.clone(), data.revision).is_some() {
                problems.insert(format!("{value} was made twice"));
            }
            newest = Some(value);
        }
        if let Some(turn) = turn {
            home = turn;
        }
    }
    if newest.as_deref() != last {
        problems.insert(format!("the last value is {last:?} and not {newest:?}"));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for stored in seen {
        let is_made = made.contains_key(&stored.value);
        let (word, right) = match stored.end {
            End::Acknowledged => ("acknowledged", is_made),
            End::Refused => ("refused", !is_made),
            End::NotMade => ("not made", !is_made),
            End::Unknown => ("unknown", true),
        };
        *counts.entry(word).or_default() += 1;
        if !right {
            problems.insert(format!("{} was told as {word}", stored.value));
        }
    }
    out_of_order(seen, &made, &mut problems);
    let problems: Vec<String> = problems.into_iter().take(20).collect();
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    ensure!(counts.contains_key("refused"), "no store was refused");
    Ok(format!("stores: {counts:?}"))
}

/// A store that began when another one had ended is behind it.
fn out_of_order(seen: &[Stored], made: &BTreeMap<String, i64>, problems: &mut BTreeSet<String>) {
    let of = |stored: &&Stored| stored.end == End::Acknowledged;
    let mut begun: Vec<&Stored> = seen.iter().filter(of).collect();
    let mut ended = begun.clone();
    begun.sort_by_key(|stored| stored.began);
    ended.sort_by_key(|stored| stored.ended);
    let mut ended = ended.into_iter().peekable();
    let mut newest = 0;
    for stored in begun {
        while let Some(earlier) = ended.next_if(|earlier| earlier.ended < stored.began) {
            newest = newest.max(made.get(&earlier.value).copied().unwrap_or(0));
        }
        let revision = made.get(&stored.value).copied().unwrap_or(i64::MAX);
        if revision < newest {
            problems.insert(format!("{} is before a store that had ended", stored.value));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn change(revision: i64, kind: &str, value: Option<&str>) -> Change {
        let id = uuid(1);
        let key = match kind {
            "turn" => format!("/userdata/1/turn/{id}"),
            _ => format!("/userdata/1/data/{id}/agent"),
        };
        let value = value.map(|value| value.as_bytes().to_vec());
        Change {
            revision,
            key,
            value,
        }
    }

    /// A store of a value, whose commit leaves the turn with this home.
    fn commit(revision: i64, home: &str, value: &str) -> [Change; 2] {
        [
            change(revision, "turn", Some(&format!("1 host={home} numbers=1"))),
            change(revision, "data", Some(value)),
        ]
    }

    fn stored(value: &str, at: u64, end: End) -> Stored {
        let began = *EPOCH.get_or_init(Instant::now) + Duration::from_secs(at);
        Stored {
            value: value.to_owned(),
            began,
            ended: began + Duration::from_millis(500),
            end,
        }
    }

    static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();

    /// A move of `a`'s domain to `b`, and a late store of `a`.
    fn moved() -> (Vec<Stored>, Vec<Change>) {
        let seen = vec![
            stored("a.1", 1, End::Acknowledged),
            stored("b.1", 3, End::Acknowledged),
            stored("a.2", 5, End::Refused),
        ];
        let mut changes = commit(2, "a", "a.1").to_vec();
        changes.push(change(3, "turn", Some("1 host=b numbers=2")));
        changes.extend(commit(4, "b", "b.1"));
        (seen, changes)
    }

    fn problem(seen: &[Stored], changes: &[Change], last: &str) -> String {
        judge(seen, changes, Some(last)).unwrap_err().to_string()
    }

    #[test]
    fn a_move_with_a_late_store_that_was_refused_is_right() {
        let (seen, changes) = moved();
        judge(&seen, &changes, Some("b.1")).unwrap();
    }

    #[test]
    fn a_commit_by_a_host_that_is_not_the_home_is_found() {
        let (mut seen, mut changes) = moved();
        seen.push(stored("a.3", 7, End::Acknowledged));
        changes.extend(commit(5, "a", "a.3"));
        assert!(problem(&seen, &changes, "a.3").starts_with("revision 5: a.3: "));
        let (mut seen, mut changes) = moved();
        seen.push(stored("a.3", 7, End::Acknowledged));
        changes.extend(commit(5, "b", "a.3"));
        assert!(problem(&seen, &changes, "a.3").starts_with("revision 5: a.3: "));
    }

    #[test]
    fn an_acknowledged_store_that_was_not_made_is_found() {
        let (mut seen, changes) = moved();
        seen.push(stored("b.2", 7, End::Acknowledged));
        assert_eq!(
            problem(&seen, &changes, "b.1"),
            "b.2 was told as acknowledged"
        );
    }

    #[test]
    fn a_store_that_was_made_after_it_was_refused_is_found() {
        let (seen, mut changes) = moved();
        changes.extend(commit(5, "b", "a.2"));
        assert!(problem(&seen, &changes, "a.2").contains("a.2 was told as refused"));
    }

    #[test]
    fn a_store_that_is_made_before_an_earlier_one_is_found() {
        let (mut seen, mut changes) = moved();
        seen.push(stored("b.3", 9, End::Acknowledged));
        seen.push(stored("b.2", 7, End::Acknowledged));
        changes.extend(commit(5, "b", "b.3"));
        changes.extend(commit(6, "b", "b.2"));
        let expected = "b.3 is before a store that had ended";
        assert_eq!(problem(&seen, &changes, "b.2"), expected);
    }

    #[test]
    fn a_value_that_is_gone_is_found() {
        let (seen, mut changes) = moved();
        changes.push(change(5, "data", None));
        assert_eq!(
            problem(&seen, &changes, "b.1"),
            "revision 5: a value is gone"
        );
    }
}
