//! What the store costs, against the fewest system calls that could do the same and against real
//! libxl.
//!
//! Two programs share these modules. `userdata-bench` times all cases in one process, round by
//! round, and writes a table, JSON and charts; libxl's calls are timed by a process that it starts.
//! `userdata-bench-repeat` does one case again and again, for counting its system calls under
//! strace and its allocations under an allocator that counts; so the times are taken with the
//! system's own allocator.

pub mod bare;
pub mod batch;
mod batch_of_domains;
pub mod case;
pub mod chart;
pub mod counts;
pub mod crowd;
pub mod libxl;
pub mod limit;
pub mod many;
pub mod peak;
pub mod place;
pub mod report;
pub mod rounds;
pub mod series;
pub mod subject;
pub mod sweeping;
pub mod taking_along;
pub mod threads;
pub mod waiting;
