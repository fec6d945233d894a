//! The page that shows a campaign: one file that loads no other, in light or dark colours.

mod canaries;
mod coverage;
mod failure;
mod lanes;
mod page;
mod text;

pub(crate) use canaries::Canary;
pub(crate) use page::Page;
