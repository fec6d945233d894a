//! Conformance suites and strategies for stores of Xen userdata.
