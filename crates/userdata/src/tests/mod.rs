//! Unit tests of the protocols: the order of calls, pinned on mocks of the traits.
