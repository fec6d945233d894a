//! The walks, the schedules and the checker against what is known, and the command as it is called.

#[cfg(test)]
mod checked;
#[cfg(test)]
mod command;
#[cfg(test)]
mod crash_walk;
#[cfg(test)]
mod fault_walk;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod small_schedules;
