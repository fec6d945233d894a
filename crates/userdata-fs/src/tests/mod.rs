//! Unit tests of the store: the order of calls, pinned on a mock of the directory.
