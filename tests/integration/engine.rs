//! An engine of another shape than files and locks, written to show that `Store` fits it: a
//! compare-and-put database without locks.

pub(crate) mod database;
mod database_change;
pub(crate) mod database_store;
