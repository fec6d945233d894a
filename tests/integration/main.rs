//! Tests of the whole workspace on real files and processes.
//!
//! Each module is one topic. The conformance suites run here on every implementation there is.

mod directory_conformance;
mod engine;
mod hypervisor_conformance;
mod place;
mod store_conformance;
