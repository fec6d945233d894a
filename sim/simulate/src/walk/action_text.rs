//! Actions, as reports show them.

use std::fmt;

use userdata_core::store::Expect;

use super::{Action, Slot};

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.domain.domid, self.userid.as_userid())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store {
                slot,
                value,
                durability,
            } => {
                write!(
                    f,
                    "store {slot} \"{}\" ({durability})",
                    value.escape_ascii()
                )
            }
            Self::StoreIf {
                slot,
                value,
                expect,
                durability,
            } => {
                let value = value.escape_ascii();
                write!(f, "store {slot} \"{value}\" ({durability}) if ")?;
                match expect {
                    Expect::Version(version) => write!(f, "version {version}"),
                    Expect::Absent => f.write_str("it is absent"),
                    other => write!(f, "{other:?}"),
                }
            }
            Self::Update {
                slot,
                value,
                durability,
            } => {
                write!(
                    f,
                    "update {slot} \"{}\" ({durability})",
                    value.escape_ascii()
                )
            }
            Self::Remove { slot, durability } => write!(f, "remove {slot} ({durability})"),
            Self::Clear {
                domain,
                keep,
                durability,
            } => {
                write!(f, "clear {}, keep {keep:?} ({durability})", domain.domid)
            }
            Self::Destroy { domain, durability } => {
                write!(f, "destroy {} ({durability})", domain.domid)
            }
            Self::DestroyWithError { domain, durability } => {
                write!(f, "destroy {} and fail ({durability})", domain.domid)
            }
            Self::DestroyWithExport { domain, durability } => {
                write!(f, "destroy {} with an export ({durability})", domain.domid)
            }
            Self::ImportDamaged { domain } => {
                write!(f, "import damaged archives into {}", domain.domid)
            }
            Self::DestroyInVain { domain } => write!(f, "destroy {} in vain", domain.domid),
            Self::Import {
                domain,
                values,
                durability,
            } => {
                write!(f, "import {}", domain.domid)?;
                for (userid, value) in values {
                    let (userid, value) = (userid.as_userid(), value.escape_ascii());
                    write!(f, " {userid} \"{value}\"")?;
                }
                write!(f, " ({durability})")
            }
            Self::StoreEach { values, durability } => {
                f.write_str("store of many domains")?;
                for (slot, value) in values {
                    write!(f, " {slot} \"{}\"", value.escape_ascii())?;
                }
                write!(f, " ({durability})")
            }
            Self::Carry {
                from,
                to,
                durability,
                ..
            } => write!(f, "carry {from} to {to} ({durability})"),
            Self::Sweep { waits, .. } => write!(f, "sweep with {waits}"),
            Self::Retrieve { slot } => write!(f, "retrieve {slot}"),
            Self::List { domain } => write!(f, "list {}", domain.domid),
        }
    }
}
