//! What a carry put into a register: a value that its source had at that time.
//!
//! A history does not tell which value a carry moved. It is one of the source's register, and one
//! with which the accesses to that register have an order: each of these is tried. What two
//! registers show together is not checked, so that of several such values each is allowed.

use userdata_core::file_name::FileName;

use super::content::{Content, Need};
use super::linearise::{Access, Order, Times, linearise};
use super::register::Register;

/// Gives each access that takes its value from a register the values that this register may have
/// had. An access that finds none happened to nothing, and goes.
pub(crate) fn resolve(registers: &mut [Register]) {
    while spread(registers) {}
    narrow(registers);
    for register in registers {
        register
            .accesses
            .retain(|access| access.source.is_none() || access.to.is_some());
    }
}

/// Lets each carried value be any that the source ever had; false if that is nothing new.
fn spread(registers: &mut [Register]) -> bool {
    let mut is_new = false;
    let sources = registers.iter().enumerate().flat_map(|(taker, register)| {
        let accesses = register.accesses.iter().enumerate();
        accesses.filter_map(move |(at, access)| Some((taker, at, access.source.clone()?)))
    });
    let sources: Vec<(usize, usize, FileName)> = sources.collect();
    for (taker, at, source) in sources {
        let mut contents = contents(registers, &source);
        // What is restored may be that nothing was there.
        if registers
            .get(taker)
            .is_some_and(|taker| taker.name == source)
        {
            contents.push(Content::Nothing);
        }
        if let Some(access) = access(registers, taker, at)
            && contents.len() != access.contents().count()
        {
            is_new = true;
            put(access, contents);
        }
    }
    is_new
}

/// Leaves out the values with which the source's register has no order, carry by carry.
fn narrow(registers: &mut [Register]) {
    let mut moves = Vec::new();
    for (taker, register) in registers.iter().enumerate() {
        for (at, access) in register.accesses.iter().enumerate() {
            if let (Some(source), Some(operation)) = (&access.source, access.operation)
                && *source != register.name
                && access.times == Times::Once
            {
                moves.push((access.begins, operation, taker, at, source.clone()));
            }
        }
    }
    moves.sort_unstable();
    for (_, operation, taker, at, source) in moves {
        let Some(giver) = registers.iter().find(|register| register.name == source) else {
            continue;
        };
        let Some(moved) = giver.accesses.iter().position(|access| {
            access.operation == Some(operation) && access.to == Some(Content::Nothing)
        }) else {
            continue;
        };
        let mut contents = contents(registers, &source);
        contents.retain(|content| may_have_moved(giver, moved, content));
        // If none is left, the source's register is wrong, and says so itself.
        if !contents.is_empty()
            && let Some(access) = access(registers, taker, at)
        {
            put(access, contents);
        }
    }
}

/// Whether the access at this place may have found this value and taken it away.
fn may_have_moved(giver: &Register, moved: usize, content: &Content) -> bool {
    let mut accesses = giver.accesses.clone();
    if let Some(access) = accesses.get_mut(moved) {
        access.need = Need::Is(content.clone());
    }
    // What is too much to be looked at is allowed.
    !matches!(linearise(&giver.initial, &accesses), Ok(Order::None(_)))
}

/// Everything that a register ever held, but no value.
fn contents(registers: &[Register], name: &FileName) -> Vec<Content> {
    let mut contents: Vec<Content> = Vec::new();
    let register = registers.iter().find(|register| register.name == *name);
    let held = register.into_iter().flat_map(|register| {
        let left = register.accesses.iter().flat_map(Access::contents);
        std::iter::once(&register.initial).chain(left)
    });
    for content in held {
        if *content != Content::Nothing && !contents.contains(content) {
            contents.push(content.clone());
        }
    }
    contents
}

fn access(registers: &mut [Register], taker: usize, at: usize) -> Option<&mut Access> {
    registers.get_mut(taker)?.accesses.get_mut(at)
}

fn put(access: &mut Access, contents: Vec<Content>) {
    let mut contents = contents.into_iter();
    access.to = contents.next();
    access.or = contents.collect();
}
