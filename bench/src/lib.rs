//! What the store costs, against the fewest system calls that could do the same.
//!
//! Two programs share these modules. `userdata-bench` times all cases in one process, round by
//! round, and writes a table, JSON and charts. `userdata-bench-repeat` does one case again and
//! again, for counting its system calls under strace and its allocations under an allocator that
//! counts; so the times are taken with the system's own allocator.

pub mod bare;
pub mod case;
pub mod chart;
pub mod counts;
pub mod limit;
pub mod place;
pub mod report;
pub mod rounds;
pub mod series;
pub mod subject;
