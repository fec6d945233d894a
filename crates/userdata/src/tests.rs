//! Unit tests of the protocols: which questions are asked, in which order, and what follows from
//! each answer; pinned on mocks of the traits.

mod destroying;
mod mock;
mod storing;
