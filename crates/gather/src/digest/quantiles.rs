//! Quantiles in little memory: counts by logarithmic bucket, right to within a fortieth.

/// Each bucket ends this much above the one before it; a value is told to within half of it.
const GROWTH: f64 = 1.05;

/// A distribution of durations, in seconds. A few hundred bytes for a typical host.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantiles {
    /// Counts by bucket, in order; only buckets with something in them.
    buckets: Vec<(u16, u32)>,
    count: u64,
    max: f64,
    sum_ns: u128,
}

impl Quantiles {
    /// Adds one duration.
    pub(super) fn add(&mut self, seconds: f64) {
        let bucket = bucket_of(seconds);
        match self.buckets.binary_search_by_key(&bucket, |&(known, _)| known) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(1),
            Err(at) => self.buckets.insert(at, (bucket, 1)),
        }
        self.count += 1;
        self.max = self.max.max(seconds);
        self.sum_ns += (seconds * 1e9) as u128;
    }

    /// The value that this part of all does not exceed; 0 if there is none.
    pub(super) fn at(&self, part: f64) -> f64 {
        let rank = (part * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for &(bucket, count) in &self.buckets {
            seen += u64::from(count);
            if seen >= rank {
                return middle_of(bucket).min(self.max);
            }
        }
        self.max
    }

    /// How many were added.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The largest; 0 if there is none.
    pub(super) fn max(&self) -> f64 {
        self.max
    }

    /// All together.
    pub(super) fn sum(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }
}

/// Bucket 0 is a microsecond and less.
fn bucket_of(seconds: f64) -> u16 {
    let us = seconds * 1e6;
    if us <= 1.0 { 0 } else { (us.ln() / GROWTH.ln()).ceil().min(f64::from(u16::MAX)) as u16 }
}

fn middle_of(bucket: u16) -> f64 {
    match bucket {
        0 => 1e-6,
        bucket => GROWTH.powf(f64::from(bucket) - 0.5) / 1e6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_within_a_fortieth() {
        let seed = fastrand::u64(..);
        let mut rng = fastrand::Rng::with_seed(seed);
        for round in 0..50 {
            let mut values: Vec<f64> =
                (0..rng.usize(1..2000)).map(|_| 10f64.powf(rng.f64() * 7.0 - 5.0)).collect();
            let mut quantiles = Quantiles::default();
            values.iter().for_each(|value| quantiles.add(*value));
            values.sort_by(f64::total_cmp);
            for part in [0.0, 0.5, 0.9, 0.95, 0.99, 1.0] {
                let rank = ((part * values.len() as f64).ceil() as usize).clamp(1, values.len());
                let (found, exact) = (quantiles.at(part), values[rank - 1]);
                let off = (found / exact - 1.0).abs();
                assert!(off <= 0.026, "seed {seed}, round {round}: {part}: {found} for {exact}");
            }
            assert_eq!(quantiles.max(), values[values.len() - 1]);
        }
    }

    #[test]
    fn nothing_is_zero() {
        assert_eq!(Quantiles::default().at(0.5), 0.0);
    }
}
