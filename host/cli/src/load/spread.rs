//! Over which districts events are spread. The same numbers fall on the same districts in every run.

/// Paths that take events, the busiest first, and how much falls on each.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    paths: Vec<String>,
    /// Of all that is sent, the part that falls on a path or one before it.
    up_to: Vec<f64>,
}

impl Spread {
    /// Zipf's law with exponent 1: the n-th path gets an n-th of what the first gets, as in a city where it rains hardest in
    /// one place. One path gets all.
    pub(crate) fn new(paths: Vec<String>) -> Self {
        let mut sum = 0.0;
        let mut up_to: Vec<f64> = Vec::with_capacity(paths.len());
        for place in 1..=paths.len() {
            #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 districts")]
            let weight = 1.0 / place as f64;
            sum += weight;
            up_to.push(sum);
        }
        for part in &mut up_to {
            *part /= sum;
        }
        Self { paths, up_to }
    }

    /// Where the request of this number goes.
    pub(crate) fn path(&self, number: u64) -> &str {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are kept, as many as the type holds")]
        let unit = (mixed(number) >> 11) as f64 / (1_u64 << 53) as f64;
        let place = self.up_to.partition_point(|part| *part <= unit).min(self.paths.len() - 1);
        &self.paths[place]
    }
}

/// `SplitMix64`'s output for a counter (Steele, Lea and Flood, 2014): neighbours fall far apart.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_gets_twice_what_the_second_gets_and_one_gets_all() {
        let spread = Spread::new((0..100).map(|number| format!("/{number}")).collect());
        let count = |path: &str| (0..100_000).filter(|number| spread.path(*number) == path).count();
        let (first, second, last) = (count("/0"), count("/1"), count("/99"));
        assert!((18_000..20_500).contains(&first), "{first}: 1 of 5.19 expected");
        assert!((9_000..10_300).contains(&second), "{second}");
        assert!((120..280).contains(&last), "{last}");
        let one = Spread::new(vec!["/only".to_owned()]);
        assert!((0..1_000).all(|number| one.path(number) == "/only"));
    }
}
