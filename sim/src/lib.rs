//! Deterministic simulation of the userdata store: crash states, schedules, faults.
