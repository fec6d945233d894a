//! Tests of writing and reading, with archives that this crate does not write.

mod bad_input;
mod crafted;
mod damage;
mod plain_tar;
mod readers;
mod round_trip;
