//! The simulated host against what is known, and against the real one.

#[cfg(test)]
mod crash_counts;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod host;
#[cfg(test)]
mod interposed;
