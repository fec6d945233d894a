//! The userdata store beside real libxl, what a programmer would pick instead, and the bare system
//! calls, all in one run.
//!
//! A peer is timed only after it passed the conformance test: what it stores it reads back, and
//! what is cleared is gone.

pub mod conformance;
pub mod lineup;
pub mod peer;
pub mod serve;
pub mod slot;
pub mod work;
