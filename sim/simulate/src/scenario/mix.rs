//! `Mix`: what happens in the scenarios that are drawn, and how often.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

macro_rules! mix {
    ($($(#[$doc:meta])* $field:ident: $default:expr,)*) => {
        /// What happens in the scenarios that are drawn, and how often.
        ///
        /// Written `NAME` or `NAME,FIELD=NUMBER,...`: one of [`Mix::NAMES`], and the fields that
        /// differ from it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Mix {
            $($(#[$doc])* pub $field: u32,)*
        }

        impl Default for Mix {
            /// Users of this library that are not disturbed.
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Mix {
            fn field(&mut self, name: &str) -> Option<&mut u32> {
                match name {
                    $(stringify!($field) => Some(&mut self.$field),)*
                    _ => None,
                }
            }

            /// Every field's name and value.
            fn fields(&self) -> Vec<(&'static str, u32)> {
                vec![$((stringify!($field), self.$field),)*]
            }
        }
    };
}

mix! {
    /// How many processes there are.
    processes: 4,
    /// How many things each of them does.
    tasks: 40,
    /// How many domains live at the beginning, at most.
    domains: 3,
    /// How many userids are used, at most.
    userids: 4,
    /// The weight of processes that use this library.
    library: 6,
    /// The weight of processes that use real libxl.
    libxl: 0,
    /// The weight of processes that let domains live and die.
    toolstack: 0,
    /// The weight of processes that plant files.
    adversary: 0,
    /// How many in a thousand calls of this library destroy a domain.
    destroys: 10,
    /// How many in a thousand calls of this library sweep.
    sweeps: 0,
    /// How many in a hundred sweeps wait for data to settle.
    settles: 0,
    /// How many in a thousand calls of this library import values or carry them.
    follows: 0,
    /// How many in a thousand calls of this library store values of many domains.
    batches: 0,
    /// How many in a hundred tasks of a toolstack bring a domain back with the domid and uuid that
    /// it had, or change the uuid of one.
    returns: 0,
    /// How many in a hundred tasks of a toolstack hide a domain, or show one again.
    hides: 0,
    /// How many faults of the directory a process meets, at most.
    faults: 0,
    /// How many wrong answers of the hypervisor a process meets, at most.
    misanswers: 0,
    /// How many in a hundred of the processes that use this library are threads of the first one.
    threads: 0,
    /// How many in a hundred processes are killed.
    kills: 0,
    /// In how many of a hundred scenarios the power fails.
    power_cuts: 0,
    /// In how many of a hundred scenarios the host boots again.
    reboots: 0,
    /// How many of a hundred scenarios are in a tree, where no process uses libxl or plants files.
    trees: 0,
}

impl Mix {
    /// The mixes that have a name.
    pub const NAMES: [&str; 5] = ["threads", "lifetime", "power", "all", "tree"];

    /// The mix of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let plain = Self::default();
        let mix = match name {
            // Most processes are threads of one process.
            "threads" => Self {
                domains: 2,
                userids: 2,
                toolstack: 1,
                destroys: 60,
                sweeps: 20,
                follows: 60,
                faults: 3,
                threads: 70,
                kills: 5,
                ..plain
            },
            // Data is swept, follows its domain, and meets a domain that comes back, also after the
            // host has booted.
            "lifetime" => Self {
                libxl: 2,
                toolstack: 6,
                destroys: 60,
                sweeps: 100,
                settles: 40,
                follows: 80,
                returns: 20,
                hides: 8,
                faults: 3,
                misanswers: 3,
                kills: 15,
                reboots: 50,
                ..plain
            },
            // The power fails.
            "power" => Self {
                libxl: 1,
                toolstack: 1,
                faults: 2,
                power_cuts: 100,
                ..plain
            },
            // All of it at once, but for threads and domains that come back without a boot.
            "all" => Self {
                libxl: 4,
                toolstack: 3,
                adversary: 1,
                destroys: 40,
                sweeps: 20,
                settles: 30,
                follows: 20,
                hides: 8,
                faults: 6,
                misanswers: 3,
                kills: 15,
                power_cuts: 25,
                reboots: 20,
                ..plain
            },
            // The tree layout, and batches; a fifth is in libxl's layout, for comparison.
            "tree" => Self {
                toolstack: 3,
                destroys: 50,
                sweeps: 60,
                settles: 30,
                follows: 80,
                batches: 80,
                returns: 10,
                hides: 6,
                faults: 4,
                misanswers: 2,
                threads: 20,
                kills: 15,
                power_cuts: 25,
                reboots: 40,
                trees: 80,
                ..plain
            },
            _ => return None,
        };
        Some(mix)
    }
}

/// The text is not a mix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MixError {
    /// No mix has this name.
    #[error("the mix {0:?} does not exist; the mixes are {names}", names = Mix::NAMES.join(", "))]
    Name(String),
    /// Not `FIELD=NUMBER`.
    #[error("{0:?} is not FIELD=NUMBER")]
    Form(String),
    /// A mix has no such field.
    #[error("a mix has no field {0:?}; it has {fields}", fields = names())]
    Field(String),
    /// There are no processes, or they do nothing.
    #[error("in {0:?} no process does anything")]
    Idle(String),
}

fn names() -> String {
    let fields = Mix::default().fields();
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

impl FromStr for Mix {
    type Err = MixError;

    fn from_str(text: &str) -> Result<Self, MixError> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let mut mix = Self::named(name).ok_or_else(|| MixError::Name(name.to_owned()))?;
        for part in parts {
            let form = || MixError::Form(part.to_owned());
            let (name, number) = part.split_once('=').ok_or_else(form)?;
            let number = number.parse().map_err(|_| form())?;
            let field = mix.field(name);
            *field.ok_or_else(|| MixError::Field(name.to_owned()))? = number;
        }
        if mix.processes == 0 || mix.tasks == 0 {
            return Err(MixError::Idle(text.to_owned()));
        }
        Ok(mix)
    }
}

impl fmt::Display for Mix {
    /// The name of the closest mix, and the fields that differ from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let different = |name: &&str| {
            let named = Self::named(name).unwrap_or_default().fields();
            let pairs = named.iter().zip(self.fields());
            pairs.filter(|(theirs, ours)| *theirs != ours).count()
        };
        let closest = Self::NAMES.into_iter().min_by_key(different);
        let closest = closest.unwrap_or_default();
        f.write_str(closest)?;
        let named = Self::named(closest).unwrap_or_default().fields();
        for ((name, value), theirs) in self.fields().into_iter().zip(named) {
            if (name, value) != theirs {
                write!(f, ",{name}={value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for name in Mix::NAMES {
            let mix: Mix = name.parse().unwrap();
            assert_eq!(mix.to_string(), name);
            let other = Mix { tasks: 3, ..mix };
            assert_eq!(other.to_string(), format!("{name},tasks=3"));
            assert_eq!(other.to_string().parse(), Ok(other));
        }
    }

    #[test]
    fn a_text_that_is_not_a_mix_is_refused() {
        let idle = ["power,tasks=0", "all,processes=0"];
        for text in ["", "loud", "all,tasks", "all,tasks=x", "all,x=1"]
            .into_iter()
            .chain(idle)
        {
            assert!(text.parse::<Mix>().is_err(), "{text}");
        }
    }
}
