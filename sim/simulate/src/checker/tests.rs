//! The checker against histories that are right and wrong.

mod crash;
mod orders;
mod right;
mod story;
mod wrong;
