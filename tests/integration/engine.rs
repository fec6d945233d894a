//! Engines of other shapes than one flat directory, written to show that `Store` fits them: a
//! compare-and-put database without locks, and a tree of directories.

pub(crate) mod database;
mod database_change;
pub(crate) mod database_store;
pub(crate) mod tree;
mod tree_change;
mod tree_lock;
mod tree_many;
mod tree_put_all;
mod tree_store;
mod tree_transfer;
