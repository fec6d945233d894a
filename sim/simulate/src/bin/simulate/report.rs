//! The page that shows a campaign: one file, nothing fetched, readable by day and by night.

mod canaries;
mod coverage;
mod failure;
mod lanes;
mod page;
mod text;

pub(crate) use canaries::Canary;
pub(crate) use page::Page;
