//! For tests: what calls the functions make, and a panic on demand.

use std::env;
use std::ffi::c_int;
use std::fs::File;
use std::io::Write as _;

use crate::call::Asked;

/// Panics if the test wants this function to.
pub(crate) fn enter(function: &str) {
    if env::var_os("USERDATA_LIBXL_PANIC").is_some_and(|named| *named == *function) {
        panic!("{function} was told to panic");
    }
}

/// Appends `FUNCTION DOMID USERID: CODE` to the file that the test names.
pub(crate) fn leave(function: &str, asked: Option<Asked<'_>>, code: c_int) {
    let Some(path) = env::var_os("USERDATA_LIBXL_PROBE") else {
        return;
    };
    let (domid, userid) = asked.map_or((0, String::from("NULL")), |asked| {
        (asked.domid, asked.userid.escape_ascii().to_string())
    });
    let line = format!("{function} {domid} {userid}: {code}\n");
    // A call that cannot be written is one that the test does not see.
    let file = File::options().create(true).append(true).open(path);
    let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
}
