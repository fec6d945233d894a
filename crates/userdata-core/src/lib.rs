//! Names, rules and traits of a per-domain data store for Xen toolstacks.
