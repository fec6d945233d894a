//! `userdata pool status`: the members and the homes.

use userdata::Uuid;
use userdata::store::{Home, HostName, Stage};
use userdata_pool::{Member, Placed, Roster};

use crate::document;
use crate::failure::Failure;
use crate::output::Output;
use crate::pool::{Pool, PoolFailure};
use crate::status::Status;

/// Shows the members and the data of one domain, of one host, or all.
pub(super) fn show(
    pool: &Pool,
    uuid: Option<Uuid>,
    host: Option<&HostName>,
    output: Output,
) -> Result<Status, Failure> {
    let mut roster = match uuid {
        Some(uuid) => pool.roster_of(uuid)?,
        None => pool.roster()?,
    };
    if let Some(host) = host {
        check_known(&roster, host)?;
        roster.members.retain(|member| member.name == *host);
        roster.placed.retain(|placed| concerns(placed, host));
    }
    write(&roster, output)
}

/// Shows what would be free if the host were forgotten.
pub(super) fn show_of(pool: &Pool, host: &HostName, output: Output) -> Result<Status, Failure> {
    let mut roster = pool.roster()?;
    check_known(&roster, host)?;
    roster.members.retain(|member| member.name == *host);
    roster.placed.retain(|placed| is_freed_with(placed, host));
    write(&roster, output)
}

/// Whether the host is a member, or was one whose data is still there, or waits for data.
pub(super) fn knows(roster: &Roster, host: &HostName) -> bool {
    roster.members.iter().any(|member| member.name == *host)
        || roster.placed.iter().any(|placed| concerns(placed, host))
}

/// Refuses a host that the pool does not know: its name may be wrong.
fn check_known(roster: &Roster, host: &HostName) -> Result<(), PoolFailure> {
    match knows(roster, host) {
        true => Ok(()),
        false => Err(PoolFailure::UnknownHost(host.to_string())),
    }
}

/// Of how many domains the data becomes free if the host ends its membership, or is free because it
/// has.
pub(super) fn homes_of(roster: &Roster, host: &HostName) -> usize {
    let placed = roster.placed.iter();
    placed.filter(|placed| is_freed_with(placed, host)).count()
}

/// Whether the data is the host's. What it has released is another host's to claim.
fn is_freed_with(placed: &Placed, host: &HostName) -> bool {
    let home = placed.home.as_ref();
    home.is_some_and(|home| home.keeper() == host)
}

/// Whether the host is the home, or the domain moves to it.
fn concerns(placed: &Placed, host: &HostName) -> bool {
    placed.home.as_ref().is_some_and(|home| {
        let to = match &home.stage {
            Stage::Moving(to) => Some(to),
            _ => None,
        };
        home.host == *host || home.keeper() == host || to == Some(host)
    })
}

fn write(roster: &Roster, output: Output) -> Result<Status, Failure> {
    let document = document::PoolStatus {
        members: roster.members.iter().map(member).collect(),
        domains: roster.placed.iter().map(placed).collect(),
    };
    output.show(&document, || {
        let members = roster.members.iter().map(member_line);
        let placed = roster.placed.iter().map(placed_line);
        members.chain(placed).collect()
    })?;
    Ok(Status::Done)
}

fn member(member: &Member) -> document::Member {
    let (machine, boot) = member.machine.clone().unzip();
    document::Member {
        host: member.name.to_string(),
        machine,
        boot: boot.map(|boot| boot.to_string()),
    }
}

fn placed(placed: &Placed) -> document::Placed {
    document::Placed {
        uuid: placed.uuid.to_string(),
        home: placed.home.as_ref().map(document::Home::from),
        values: placed.values,
    }
}

fn member_line(member: &Member) -> String {
    let name = &member.name;
    match &member.machine {
        Some((machine, boot)) => format!("member\t{name}\t{machine}\t{boot}\n"),
        None => format!("member\t{name}\tdamaged\t-\n"),
    }
}

fn placed_line(placed: &Placed) -> String {
    let home = placed.home.as_ref();
    let home = home.map_or("damaged".to_owned(), Home::to_string);
    format!("domain\t{}\t{}\t{home}\n", placed.uuid, placed.values)
}

#[cfg(test)]
mod tests {
    use userdata::Domid;

    use super::*;

    #[test]
    fn a_host_concerns_what_it_has_and_what_comes_to_it() {
        let name = |text: &str| text.parse::<HostName>().unwrap();
        for (stage, expected) in [
            (Stage::Settled, [true, false]),
            (Stage::Moving(name("b")), [true, true]),
            (Stage::Released(name("b")), [true, true]),
            (Stage::Freed(name("a")), [true, false]),
            (Stage::Freed(name("b")), [true, true]),
        ] {
            let home = Some(Home::new(name("a"), Domid::new(3).unwrap(), stage.clone()));
            let placed = Placed::new(Uuid::from_u128(7), home, 2);
            let found = ["a", "b"].map(|host| concerns(&placed, &name(host)));
            assert_eq!(found, expected, "{placed:?}");
            let mut roster = Roster::default();
            roster.placed.push(placed.clone());
            let is_of_b =
                matches!(&stage, Stage::Released(to) | Stage::Freed(to) if *to == name("b"));
            let found = ["a", "b"].map(|host| homes_of(&roster, &name(host)));
            assert_eq!(
                found,
                [usize::from(!is_of_b), usize::from(is_of_b)],
                "{placed:?}"
            );
        }
    }
}
