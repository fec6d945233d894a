//! `Series`: the time of one case, round by round.

use serde::Serialize;

/// One number a round.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Series(pub Vec<f64>);

impl Series {
    /// The ratio of this to the other, round by round.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    /// The median; `None` without numbers.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// The lower end of the interval that has the true median with a probability of 95 % (order
    /// statistics, normal approximation).
    #[must_use]
    pub fn median_at_least(&self) -> Option<f64> {
        self.quantile((0.5 - 0.98 / (self.0.len() as f64).sqrt()).max(0.0))
    }

    /// The upper end of the same interval.
    #[must_use]
    pub fn median_at_most(&self) -> Option<f64> {
        self.quantile((0.5 + 0.98 / (self.0.len() as f64).sqrt()).min(1.0))
    }

    /// The quantile: this part of the rounds is below it.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |number: fn(f64) -> f64| number(part * last as f64) as usize;
        let (below, above) = (sorted.get(at(f64::floor))?, sorted.get(at(f64::ceil))?);
        Some(f64::midpoint(*below, *above))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(Series(vec![9.0, 1.0, 3.0, 2.0]).median(), Some(2.5));
        assert_eq!(Series(vec![9.0, 1.0, 3.0]).median(), Some(3.0));
        assert_eq!(Series(Vec::new()).median(), None);
    }

    #[test]
    fn the_median_is_the_surer_the_more_rounds_there_are() {
        let rounds = |number: u32| {
            Series(
                (0..number)
                    .map(|n| f64::from(n) / f64::from(number))
                    .collect(),
            )
        };
        assert_eq!(rounds(3).median_at_least(), Some(0.0));
        assert_eq!(rounds(3).median_at_most(), Some(2.0 / 3.0));
        let (few, many) = (rounds(61).median_at_least(), rounds(401).median_at_least());
        assert!(
            few > Some(0.36) && few < many && many < Some(0.46),
            "{few:?} {many:?}"
        );
        let (few, many) = (rounds(61).median_at_most(), rounds(401).median_at_most());
        assert!(
            few < Some(0.64) && few > many && many > Some(0.54),
            "{few:?} {many:?}"
        );
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let (ours, bare) = (Series(vec![2.0, 30.0, 4.0]), Series(vec![1.0, 10.0, 4.0]));
        assert_eq!(ours.over(&bare), Series(vec![2.0, 3.0, 1.0]));
        assert_eq!(ours.over(&bare).median(), Some(2.0));
    }
}
