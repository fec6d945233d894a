//! Tests of the whole workspace on real files and processes.
//!
//! Each module is one topic. The conformance suites run here on every implementation there is.

mod engine;
mod store_conformance;
