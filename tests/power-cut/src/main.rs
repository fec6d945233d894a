//! Power cuts on the kernel's own file systems.
//!
//! A disk is served over FUSE and carries a file system of the kernel through a loop device. While
//! values are stored on it, every write and flush that reaches it is logged. What the disk may hold
//! after a power cut (all writes so far, or those before the last flush and a part of the rest) is
//! made again as an image, mounted, so that the file system recovers, and read.
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
