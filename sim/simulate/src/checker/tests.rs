//! The checker against histories that are right and wrong.

mod complaints;
mod crash;
mod orders;
mod right;
mod story;
mod sweeps;
mod wrong;
