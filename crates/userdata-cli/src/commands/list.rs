//! `userdata list`: values, each with its domain.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use userdata::Hypervisor;
use userdata::file_name::{Kind, Owner};
use userdata::hypervisor::DomainNames;
use userdata::store::{Condition, Entry};

use super::census::Census;
use crate::arguments::List;
use crate::document;
use crate::domain::DomainArgument;
use crate::failure::Failure;
use crate::options::{HostData, Options};
use crate::output::{printable, table};
#[cfg(feature = "pool")]
use crate::pool::Homes;
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
        named.map_or(Ok(()), |key| options.check_place(&key))?;
        let found = match (options.userdata_to_read(&host, self.reading)?, named) {
            (None, _) => Values::OfAll(Vec::new()),
            (Some(userdata), None) => Values::OfAll(all(&userdata)?),
            (Some(userdata), Some(key)) => Values::OfOne(key.into(), userdata.list(key)?),
        };
        #[cfg(feature = "pool")]
        let homes = options.homes(&host, named.map(|key| key.uuid), self.reading)?;
        let census = Census::new(snapshot.map_or_else(|| host.snapshot(), Ok));
        let census = RefCell::new(census);
        let listed = |(owner, entry): (&Owner, &Entry)| {
            let value = listed(&mut census.borrow_mut(), owner, entry);
            #[cfg(feature = "pool")]
            let value = at_home(value, owner, &homes);
            value
        };
        if output.is_json() {
            let values = Sequence(|| found.each().map(listed));
            output.stream(|stdout| {
                serde_json::to_writer(
                    &mut *stdout,
                    &document::List {
                        values,
                        #[cfg(feature = "pool")]
                        stale: self.reading.stale,
                    },
                )?;
                stdout.write_all(b"\n")
            })?;
        } else if io::stdout().is_terminal() {
            let rows: Vec<[String; 8]> = found
                .each()
                .map(|value| row(&listed(value), value.1))
                .collect();
            if rows.is_empty() {
                output.note("there are no values");
            }
            output.write(table(HEAD, rows).as_bytes())?;
        } else if found.each().next().is_some() {
            output.stream(|stdout| {
                found.each().try_for_each(|value| {
                    writeln!(stdout, "{}", row(&listed(value), value.1).join("\t"))
                })
            })?;
        }
        if let Some(error) = census.borrow().problem() {
            output.note(error);
        }
        Ok(Status::Done)
    }
}

/// The values that are listed. A list of very many values is written piece by piece, so that it
/// takes the memory of the entries alone.
enum Values {
    OfOne(Owner, Vec<Entry>),
    OfAll(Vec<(Owner, Entry)>),
}

impl Values {
    /// Each value with its owner, in order.
    fn each(&self) -> Box<dyn Iterator<Item = (&Owner, &Entry)> + '_> {
        match self {
            Self::OfOne(owner, entries) => {
                Box::new(entries.iter().map(move |entry| (owner, entry)))
            }
            Self::OfAll(entries) => Box::new(entries.iter().map(|(owner, entry)| (owner, entry))),
        }
    }
}

/// The values as a document has them, each made when it is written.
struct Sequence<F>(F);

impl<I: Iterator<Item = document::Listed>, F: Fn() -> I> Serialize for Sequence<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

fn listed<H: Hypervisor + DomainNames>(
    census: &mut Census<H>,
    owner: &Owner,
    entry: &Entry,
) -> document::Listed {
    document::Listed {
        domid: owner.domid.map(|domid| domid.get()),
        uuid: owner.uuid.to_string(),
        name: census.name(owner),
        domain: census.existence(owner),
        userid: (&entry.userid).into(),
        size: entry.size,
        modified: entry.modified.and_then(time),
        state: state(entry.condition),
        #[cfg(feature = "pool")]
        home: None,
    }
}

/// The value with its home. This host's hypervisor knows nothing of the domains of other hosts.
#[cfg(feature = "pool")]
fn at_home(mut value: document::Listed, owner: &Owner, homes: &Homes) -> document::Listed {
    if homes.is_elsewhere(owner.uuid) {
        value.domain = "elsewhere";
        value.name = None;
    }
    value.home = homes.home(owner.uuid).map(document::Home::from);
    value
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
    found.sort_unstable_by(|(a, x), (b, y)| (a, &x.userid).cmp(&(b, &y.userid)));
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
