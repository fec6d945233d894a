//! What the pool keeps, for people: its members, and the home of each domain.

use std::collections::{BTreeMap, BTreeSet};

use userdata_core::Uuid;
use userdata_core::hypervisor::BootId;
use userdata_core::store::{Home, HostName, Operation, StoreError};

use crate::engine::Span;
use crate::pages::{Purpose, Range};
use crate::record::{HostRecord, Turn};
use crate::{Engine, Pair, PoolStore};

/// One member of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its name.
    pub name: HostName,
    /// The machine-id and the boot; `None` if its record cannot be read.
    pub machine: Option<(String, BootId)>,
}

/// The data of one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placed {
    /// The uuid of the domain.
    pub uuid: Uuid,
    /// Its home, whose stage is [`Stage::Freed`](userdata_core::store::Stage) if the pool has
    /// forgotten its [keeper](Home::keeper); `None` if the record cannot be read.
    pub home: Option<Home>,
    /// How many values there are.
    pub values: u64,
}

impl Placed {
    /// The data of the domain with this uuid.
    #[must_use]
    pub const fn new(uuid: Uuid, home: Option<Home>, values: u64) -> Self {
        Self { uuid, home, values }
    }
}

/// The members and the data of a pool at one instant, in order of names and uuids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Roster {
    /// The members.
    pub members: Vec<Member>,
    /// The data of each domain that has any, or whose move has begun.
    pub placed: Vec<Placed>,
}

/// The members, and of each uuid the home and the number of values.
type Gathered = (Vec<Member>, BTreeMap<Uuid, (Option<Home>, u64)>);

impl<E: Engine> PoolStore<E> {
    /// The members and the homes, all at one instant. Values are not read.
    ///
    /// # Errors
    ///
    /// If the engine does not answer.
    pub fn roster(&self) -> Result<Roster, StoreError> {
        self.read_roster(self.keys.turns(), self.keys.all_metas())
    }

    /// The members, and the data of the domain with this uuid if there is any.
    ///
    /// # Errors
    ///
    /// As [`PoolStore::roster`].
    pub fn roster_of(&self, uuid: Uuid) -> Result<Roster, StoreError> {
        self.read_roster(Span::key(self.keys.turn(uuid)), self.keys.metas(uuid))
    }

    fn read_roster(&self, turns: Span, metas: Span) -> Result<Roster, StoreError> {
        let ranges = [
            Range::of(self.keys.hosts()),
            Range::of(turns),
            Range::keys_only(metas),
        ];
        let pool = (Operation::List, "the pool");
        let (members, homes) = self.gather(
            &ranges,
            Purpose::Show,
            pool,
            |found: &mut Gathered, place, pair| {
                let (members, homes) = found;
                match place {
                    0 => members.extend(self.member(&pair)),
                    1 => {
                        if let Some((uuid, b"")) = self.keys.parse("turn", &pair.key) {
                            let home = Turn::parse(&pair.value).ok().map(|turn| turn.home.told());
                            homes.insert(uuid, (home, 0));
                        }
                    }
                    _ => {
                        if let Some((uuid, _)) = self.keys.userid(&pair.key) {
                            homes.entry(uuid).or_default().1 += 1;
                        }
                    }
                }
            },
        )?;
        let names: BTreeSet<_> = members.iter().map(|member| &member.name).collect();
        let stage = |home: Home| match names.contains(home.keeper()) {
            true => home,
            false => home.freed(),
        };
        let placed = homes.into_iter().map(|(uuid, (home, values))| Placed {
            uuid,
            home: home.map(stage),
            values,
        });
        Ok(Roster {
            placed: placed.collect(),
            members,
        })
    }

    fn member(&self, pair: &Pair) -> Option<Member> {
        let record = HostRecord::parse(&pair.value).ok();
        Some(Member {
            name: self.keys.host_name(&pair.key)?,
            machine: record.map(|record| (record.machine, record.boot)),
        })
    }
}
