//! The pool on a simulated engine: its table, its moves, and every answer lost.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod conformance;
mod damage;
mod deadlines;
mod engine;
mod exporting;
mod lagging;
mod late;
mod membership;
mod moving;
mod outcomes;
mod pages;
mod quota;
mod refusals;
mod rig;
mod table;
mod unclaimed;
mod walk;
