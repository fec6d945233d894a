//! The simulated host against what is known, and against the real one.

#[cfg(test)]
mod checked;
#[cfg(test)]
mod crash_counts;
#[cfg(test)]
mod crash_walk;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod fault_walk;
#[cfg(test)]
mod host;
#[cfg(test)]
mod interposed;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod small_schedules;
