//! `Listed`: the values of a domain, as the getters of C see them.

use std::ffi::{CStr, CString};

use userdata::Target;
use userdata::store::{Condition, Entry};

use crate::code::Code;
use crate::context::Context;
use crate::failure::Failure;

/// One value.
#[derive(Debug)]
struct Item {
    userid: CString,
    size: u64,
    code: Code,
}

/// The values of a domain, in order of userid.
#[derive(Debug)]
pub(crate) struct Listed(Vec<Item>);

impl Context {
    pub(crate) fn list(&self, domain: Target) -> Result<Listed, Failure> {
        let entries = self.userdata.list(domain)?;
        Ok(Listed(entries.into_iter().filter_map(item).collect()))
    }
}

/// A userid comes from the name of a file, and so has no NUL.
fn item(entry: Entry) -> Option<Item> {
    let code = match entry.condition {
        Condition::Whole => Code::Ok,
        _ => Code::Damaged,
    };
    Some(Item {
        userid: CString::new(entry.userid.as_bytes()).ok()?,
        size: entry.size,
        code,
    })
}

impl Listed {
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn userid(&self, index: usize) -> Option<&CStr> {
        self.0.get(index).map(|item| item.userid.as_c_str())
    }

    pub(crate) fn size(&self, index: usize) -> u64 {
        self.0.get(index).map_or(0, |item| item.size)
    }

    pub(crate) fn condition(&self, index: usize) -> Code {
        self.0.get(index).map_or(Code::Inval, |item| item.code)
    }

    pub(crate) fn find(&self, userid: &[u8]) -> Option<usize> {
        self.0
            .iter()
            .position(|item| item.userid.to_bytes() == userid)
    }
}
