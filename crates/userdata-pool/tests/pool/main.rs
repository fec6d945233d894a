//! The pool on a simulated engine: its table, its moves, and every answer lost.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod conformance;
mod engine;
mod exporting;
mod moving;
mod outcomes;
mod rig;
mod table;
mod walk;
