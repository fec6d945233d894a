//! Does the same work for several releases, three at a time: on two processors that ends sooner
//! than two and then one.

use anyhow::Result;

use super::release::Release;
use crate::progress::{Lane, Screen};
use crate::side_by_side;

const AT_ONCE: usize = 3;

/// Does `work` for each release, and returns the results in their order.
pub(super) fn each<T: Send>(
    releases: &[Release],
    screen: &Screen,
    work: impl Fn(Release, &Lane) -> Result<T> + Sync,
) -> Vec<(Release, Result<T>)> {
    let done = side_by_side::each(releases, AT_ONCE, |release| {
        work(*release, &screen.lane(&format!("xen {release}")))
    });
    let done = done.into_iter();
    done.map(|(release, result)| (*release, result)).collect()
}
