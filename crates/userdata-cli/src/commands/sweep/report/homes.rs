//! What the report tells of the homes of a pool. A domain that moves is not only gone or here.

#[cfg(feature = "pool")]
use std::collections::BTreeMap;

use userdata::DomainKey;
use userdata::store::{Found, HostName};
use userdata::sweep::Verdict;

use super::{Action, Reason, Report};
use crate::document;

impl Report {
    /// Goes on with a pool, in which these domains move.
    #[cfg(feature = "pool")]
    pub(in crate::commands::sweep) fn go_on_with(
        &mut self,
        moves: BTreeMap<DomainKey, HostName>,
        explain: bool,
    ) {
        self.moves = moves;
        self.explains_homes = explain;
    }

    /// Reports a value that stays, because its domain has moved to another host.
    pub(super) fn would_move(&mut self, key: &DomainKey, found: &Found) {
        self.would_move += 1;
        if self.explains_homes
            && let Some(to) = self.moves.get(key)
        {
            let text = format!("it goes along to host {to}");
            let reason = Reason {
                word: "moving",
                text,
            };
            let userid = &found.entry.userid;
            self.file(Action::Kept, key, found.kind, userid, &reason, None);
        }
    }

    /// Reports what happens to a home of this host, if that is more than that it stays.
    pub(super) fn judged_home(&mut self, key: &DomainKey, verdict: &Verdict) {
        if !self.explains_homes || self.failed_of == Some(*key) {
            return;
        }
        let to = self.moves.get(key).cloned();
        let to = to.filter(|_| self.removed_of != Some(*key));
        let Some((action, reason)) = home_of(to.as_ref(), verdict, self.dry_run) else {
            return;
        };
        self.home(key, action, to.as_ref(), &reason);
    }

    /// Reports the home of the data of a domain of a pool.
    pub(in crate::commands::sweep) fn home(
        &mut self,
        key: &DomainKey,
        action: Action,
        to: Option<&HostName>,
        reason: &Reason,
    ) {
        let Reason { word, text } = reason;
        if self.output.is_json() {
            self.homes.push(document::SweptHome {
                action: action.in_documents(),
                domain: (*key).into(),
                to: to.map(HostName::to_string),
                verdict: word,
                reason: text.clone(),
            });
        } else {
            let first = action.in_lines();
            self.line(&format!("home\t{key}\t{first}\t{word}\t{text}\n"));
        }
    }
}

/// What happens to a home of this host that moves to the host `to`, or that does not move; `None`
/// if it does not move and stays.
fn home_of(to: Option<&HostName>, verdict: &Verdict, dry_run: bool) -> Option<(Action, Reason)> {
    let mut reason = Reason::from(verdict);
    let action = match (to, verdict.is_orphan(), dry_run) {
        (Some(_), true, false) => Action::Released,
        (Some(_), true, true) => Action::WouldRelease,
        (Some(_), false, _) => Action::Kept,
        (None, true, false) => Action::Removed,
        (None, true, true) => Action::WouldRemove,
        (None, false, _) => return None,
    };
    match (to, verdict.is_orphan()) {
        (Some(to), true) => reason
            .text
            .push_str(&format!("; host {to} may claim its data")),
        (Some(to), false) => reason.text.push_str(&format!("; it moves to host {to}")),
        _ => {}
    }
    Some((action, reason))
}

#[cfg(test)]
mod tests {
    use userdata::sweep::{Kept, Orphan};

    use super::*;

    #[test]
    fn a_home_that_moves_is_released_or_kept_and_another_is_removed() {
        let b: HostName = "b".parse().unwrap();
        let gone = Verdict::Orphan(Orphan::Absent);
        let alive = Verdict::Kept(Kept::Alive { interrupted: false });
        for (to, verdict, dry_run, expected) in [
            (
                Some(&b),
                &gone,
                false,
                "released: the domain does not exist; host b may claim its data",
            ),
            (
                Some(&b),
                &gone,
                true,
                "would-release: the domain does not exist; host b may claim its data",
            ),
            (
                Some(&b),
                &alive,
                false,
                "kept: the domain lives; it moves to host b",
            ),
            (None, &gone, false, "removed: the domain does not exist"),
            (None, &gone, true, "would-remove: the domain does not exist"),
            (None, &alive, false, ""),
        ] {
            let told = home_of(to, verdict, dry_run)
                .map(|(action, reason)| format!("{}: {}", action.in_lines(), reason.text));
            assert_eq!(told.unwrap_or_default(), expected);
        }
    }
}
