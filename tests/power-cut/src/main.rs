//! Power cuts on the kernel's own file systems.
//!
//! The rig serves a disk over FUSE. A loop device on it has one of the kernel's file systems. While values
//! are stored there, the rig logs every write and flush that reaches the disk. Then it makes images that
//! the disk may have after a power cut: with all writes so far, or with those before the last flush and a
//! part of the rest. It mounts each image, so that the file system recovers, and reads the values.
//!
//! `cargo xtask power-cut` runs this as root, in a mount namespace of its own.

mod base64_bytes;
mod command;
mod cut;
mod disk;
mod failed_sync;
mod file_system;
mod form;
mod host;
mod host_process;
mod image;
mod mounted;
mod orders;
mod progress;
mod recording;
mod replay;
mod report;
mod rig;
mod run;
mod tally;
mod value;
mod verdict;
mod workload;
mod write_log;

fn main() -> std::process::ExitCode {
    command::main()
}
