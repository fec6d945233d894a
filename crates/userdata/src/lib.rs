//! Per-domain data for Xen toolstacks: stored atomically, collected with the domain.
