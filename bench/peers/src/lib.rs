//! The userdata store beside real libxl, what a programmer would pick instead, and the bare system
//! calls, all in one run.
//!
//! A peer is timed only after it passed the conformance test: what it stores it reads back, and
//! what is cleared is gone.

pub mod calls;
pub mod chart;
pub mod conformance;
pub mod destroying;
pub mod lineup;
pub mod machine;
pub mod memory;
pub mod peer;
pub mod population;
pub mod report;
pub mod results;
pub mod rounds;
pub mod run;
pub mod serve;
pub mod slot;
pub mod target;
pub mod whole;
pub mod work;
pub mod writers;
