//! A simulated Xen host: every life-cycle event a host can show, with scripted faults.
