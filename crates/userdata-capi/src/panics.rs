//! Where a panic of this library happened: told by a hook, which prints nothing.
//!
//! A hook belongs to the copy of the standard library that set it, and the shared object has a copy
//! of its own: a Rust program that loads it keeps its own hook.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::failure::Failure;

/// The last bytes of the file's name, and the line. A thread keeps it without memory that its end
/// would have to free: then the library could not be unloaded.
#[derive(Clone, Copy, Debug)]
struct Place {
    file: [u8; FILE_MAX],
    length: usize,
    line: u32,
}

const FILE_MAX: usize = 120;

thread_local! {
    /// Whether this thread is in a call of the library.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static PLACE: Cell<Option<Place>> = const { Cell::new(None) };
}

/// Calls the function, and returns a panic as a failure.
pub(crate) fn caught<T>(call: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    set_hook();
    let before = INSIDE.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    INSIDE.set(before);
    result.unwrap_or_else(|payload| {
        Err(Failure::Panic {
            place: PLACE
                .take()
                .map_or_else(|| "an unknown place".to_owned(), shown),
            text: text(&*payload),
        })
    })
}

fn set_hook() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if INSIDE.get() {
                PLACE.set(place(info));
            } else {
                others(info);
            }
        }));
    });
}

fn place(info: &PanicHookInfo<'_>) -> Option<Place> {
    let location = info.location()?;
    let name = location.file().as_bytes();
    let end = name.get(name.len().saturating_sub(FILE_MAX)..)?;
    let mut file = [0; FILE_MAX];
    file.get_mut(..end.len())?.copy_from_slice(end);
    Some(Place {
        file,
        length: end.len(),
        line: location.line(),
    })
}

fn shown(place: Place) -> String {
    let file = place.file.get(..place.length).unwrap_or_default();
    format!("{}:{}", String::from_utf8_lossy(file), place.line)
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a text").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_that_names_its_place() {
        let failed = caught::<()>(|| panic!("a text")).unwrap_err();
        assert_eq!(failed.code().number(), -20);
        let line = failed.line();
        assert!(
            line.contains("panics.rs:") && line.ends_with(": a text"),
            "{line}"
        );
    }
}
