//! `userdata list`: values, each with its domain.

use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::time::SystemTime;

use jiff::Timestamp;
use userdata::file_name::{Kind, Owner};
use userdata::store::{Condition, Entry};

use super::census::Census;
use crate::arguments::List;
use crate::document;
use crate::domain::DomainArgument;
use crate::failure::Failure;
use crate::options::{HostData, Options};
use crate::output::{printable, table};
use crate::status::Status;
use crate::userid::shown;

const HEAD: [&str; 8] = [
    "DOMID", "NAME", "DOMAIN", "UUID", "USERID", "SIZE", "MODIFIED", "STATE",
];

impl List {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let host = options.host()?;
        // A domain that is named is looked up in the snapshot that also shows which domains exist.
        // Without a name the snapshot is made after the values are read, so that a domain which is
        // gone in it has values that were left behind.
        let (named, snapshot) = match &self.domain {
            Some(domain) if domain.exact().is_none() => {
                let snapshot = host.snapshot()?;
                (Some(domain.key(&snapshot)?), Some(snapshot))
            }
            domain => (domain.as_ref().and_then(DomainArgument::exact), None),
        };
        let found = match (options.userdata_to_read(&host)?, named) {
            (None, _) => Vec::new(),
            (Some(userdata), None) => all(&userdata)?,
            (Some(userdata), Some(key)) => {
                let owner = Owner {
                    domid: Some(key.domid),
                    uuid: key.uuid,
                };
                let entries = userdata.list(key)?.into_iter();
                entries.map(|entry| (owner, entry)).collect()
            }
        };
        let mut census = Census::new(snapshot.map_or_else(|| host.snapshot(), Ok));
        let mut values = Vec::new();
        for (owner, entry) in &found {
            values.push(document::Listed {
                domid: owner.domid.map(|domid| domid.get()),
                uuid: owner.uuid.to_string(),
                name: census.name(owner),
                domain: census.existence(owner),
                userid: (&entry.userid).into(),
                size: entry.size,
                modified: entry.modified.and_then(time),
                state: state(entry.condition),
            });
        }
        if let Some(error) = census.problem() {
            output.note(error);
        }
        if values.is_empty() && io::stdout().is_terminal() {
            output.note("there are no values");
        }
        let document = document::List { values };
        output.show(&document, || {
            let rows = document.values.iter().zip(&found);
            table(
                HEAD,
                rows.map(|(value, (_, entry))| row(value, entry)).collect(),
            )
        })?;
        Ok(Status::Done)
    }
}

/// The values of every domain that exists or existed.
fn all(userdata: &HostData<'_>) -> Result<Vec<(Owner, Entry)>, Failure> {
    let mut found = Vec::new();
    userdata.scan(|record| {
        if record.kind == Kind::Data {
            found.push((record.owner, record.entry));
        }
        ControlFlow::Continue(())
    })?;
    found.sort_by(|(a, x), (b, y)| (a, &x.userid).cmp(&(b, &y.userid)));
    Ok(found)
}

fn row(value: &document::Listed, entry: &Entry) -> [String; 8] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        or_dash(value.domid.map(|domid| domid.to_string())),
        or_dash(value.name.as_deref().map(printable)),
        value.domain.to_owned(),
        value.uuid.clone(),
        shown(&entry.userid),
        value.size.to_string(),
        or_dash(value.modified.clone()),
        value.state.clone(),
    ]
}

fn state(condition: Condition) -> String {
    match condition {
        Condition::Whole => "whole".to_owned(),
        Condition::Empty => "empty".to_owned(),
        Condition::NotRegular(file_type) => file_type.to_string(),
        _ => "damaged".to_owned(),
    }
}

/// UTC, to the second; `None` for a time outside the calendar.
fn time(time: SystemTime) -> Option<String> {
    let time = Timestamp::try_from(time).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_utc_and_no_time_panics() {
        let after = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        assert_eq!(
            time(after(1_795_383_540).unwrap()).unwrap(),
            "2026-11-22T21:39:00Z"
        );
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(time(before).unwrap(), "1969-12-31T23:59:59Z");
        assert_eq!(after(1 << 60).and_then(time), None);
    }
}
