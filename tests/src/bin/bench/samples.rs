//! Times, and what is said of many of them.

/// Times of one thing, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, nanoseconds: f64) {
        self.0.push(nanoseconds);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        match (sorted.len() / 2, sorted.len() % 2) {
            (_, _) if sorted.is_empty() => f64::NAN,
            (half, 0) => f64::midpoint(sorted[half - 1], sorted[half]),
            (half, _) => sorted[half],
        }
    }

    pub(crate) fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / float(self.0.len())
    }

    /// Each time without what something else takes.
    pub(crate) fn less(&self, other: f64) -> Self {
        Self(self.0.iter().map(|time| time - other).collect())
    }

    /// By how much this takes longer than `other` in the same round, as a share of it, and how far that may
    /// be off: half a 95 % confidence interval.
    pub(crate) fn excess_over(&self, other: &Self) -> (f64, f64) {
        let differences = Self(self.0.iter().zip(&other.0).map(|(this, that)| this - that).collect());
        let mean = differences.mean();
        let squares: f64 = differences.0.iter().map(|difference| (difference - mean).powi(2)).sum();
        let error = (squares / float(self.0.len().saturating_sub(1))).sqrt() / float(self.0.len()).sqrt();
        (mean / other.mean(), 1.96 * error / other.mean())
    }

    /// The mean of two in each round.
    pub(crate) fn average(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| f64::midpoint(*a, *b)).collect())
    }
}

/// A count as a float.
pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("fewer than four billion"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(times: &[f64]) -> Samples {
        Samples(times.to_vec())
    }

    #[test]
    fn medians_and_means() {
        assert!((samples(&[3.0, 1.0, 2.0]).median() - 2.0).abs() < 1e-9);
        assert!((samples(&[4.0, 1.0, 2.0, 3.0]).median() - 2.5).abs() < 1e-9);
        assert!((samples(&[1.0, 5.0]).mean() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn an_excess_is_a_share_of_the_other() {
        let (excess, off) = samples(&[11.0, 22.0]).excess_over(&samples(&[10.0, 20.0]));
        assert!((excess - 0.1).abs() < 1e-9);
        assert!(off > 0.0);
    }
}
