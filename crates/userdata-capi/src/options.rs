//! `Options`: how a context is opened, checked.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use userdata::store::Durability;

use crate::failure::Failure;

/// `USERDATA_API_VERSION`.
pub(crate) const API: u32 = 1;

/// `USERDATA_NO_LEAVING_CHECK`.
const NO_LEAVING_CHECK: u64 = 1;

const DEADLINE: Duration = Duration::from_secs(10);

/// The size of the largest value in bytes, unless a program says otherwise.
const VALUE_MAX: u64 = 1 << 20;

/// Which hypervisor is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    Xen,
    Simulated(PathBuf),
}

/// The options of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) host: Chosen,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) timeout: Duration,
    pub(crate) durability: Durability,
    pub(crate) value_max: u64,
    pub(crate) check_leaving: bool,
}

/// The same as numbers and strings of C.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Given<'a> {
    pub(crate) hypervisor: Option<&'a CStr>,
    pub(crate) directory: Option<&'a CStr>,
    pub(crate) deadline_ms: u32,
    pub(crate) durability: u32,
    pub(crate) value_max: u64,
    pub(crate) flags: u64,
}

impl Given<'_> {
    pub(crate) fn check(self) -> Result<Options, Failure> {
        let durability = match self.durability {
            0 => Durability::Full,
            1 => Durability::Process,
            2 => Durability::File,
            _ => return Err(Failure::Unknown("durability")),
        };
        let check_leaving = match self.flags {
            0 => true,
            NO_LEAVING_CHECK => false,
            _ => return Err(Failure::Unknown("flags")),
        };
        Ok(Options {
            host: chosen(self.hypervisor)?,
            directory: self.directory.map(path),
            timeout: match self.deadline_ms {
                0 => DEADLINE,
                milliseconds => Duration::from_millis(milliseconds.into()),
            },
            durability,
            value_max: match self.value_max {
                0 => VALUE_MAX,
                bytes => bytes,
            },
            check_leaving,
        })
    }
}

/// `auto` is Xen as well. Without Xen the command takes a simulated host, which the environment
/// names; this library does not read the environment.
fn chosen(hypervisor: Option<&CStr>) -> Result<Chosen, Failure> {
    let text = hypervisor.unwrap_or(c"xen");
    match text.to_bytes() {
        b"xen" | b"auto" => Ok(Chosen::Xen),
        bytes => match bytes.strip_prefix(b"sim:") {
            Some(file) if !file.is_empty() => Ok(Chosen::Simulated(OsStr::from_bytes(file).into())),
            _ => Err(Failure::Hypervisor),
        },
    }
}

fn path(text: &CStr) -> PathBuf {
    OsStr::from_bytes(text.to_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_and_nulls_are_the_defaults() {
        let options = Given::default().check().unwrap();
        let expected = Options {
            host: Chosen::Xen,
            directory: None,
            timeout: Duration::from_secs(10),
            durability: Durability::Full,
            value_max: 1 << 20,
            check_leaving: true,
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn a_hypervisor_is_one_of_three_words() {
        for (text, host) in [
            (c"auto", Some(Chosen::Xen)),
            (c"xen", Some(Chosen::Xen)),
            (c"sim:a:b", Some(Chosen::Simulated("a:b".into()))),
            (c"sim:", None),
            (c"", None),
            (c"Xen", None),
        ] {
            assert_eq!(chosen(Some(text)).ok(), host, "{text:?}");
        }
    }

    #[test]
    fn an_unknown_durability_or_flag_is_refused() {
        let code = |given: Given<'_>| given.check().map_err(|failure| failure.code().number());
        let durability = Given {
            durability: 3,
            ..Given::default()
        };
        let flags = Given {
            flags: 2,
            ..Given::default()
        };
        assert_eq!((code(durability), code(flags)), (Err(-2), Err(-2)));
    }
}
