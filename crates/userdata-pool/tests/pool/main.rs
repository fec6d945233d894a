//! The pool on a simulated engine: its table, its moves, and every answer lost.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod conformance;
mod engine;
mod moving;
mod outcomes;
mod rig;
mod table;
