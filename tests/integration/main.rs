//! Tests of the whole workspace on real files and processes.
//!
//! Each module has one topic. The conformance suites run here on every implementation.

#[cfg(test)]
mod actor;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod broken_lock;
#[cfg(test)]
mod changed_while_read;
#[cfg(test)]
mod directory_conformance;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod exhausted;
#[cfg(test)]
mod forked_child;
mod full_disk;
#[cfg(test)]
mod hostile_directory;
#[cfg(test)]
mod hypervisor_conformance;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod libxl_fixture;
#[cfg(test)]
mod libxls_bugs;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod lifetime_faults;
#[cfg(test)]
mod many_orphans;
#[cfg(test)]
mod moved_directory;
#[cfg(test)]
mod place;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod same_key_again;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod simulated_host;
#[cfg(test)]
mod stale_files;
#[cfg(test)]
mod store_conformance;
#[cfg(test)]
mod sweeping;
#[cfg(test)]
mod tree;
