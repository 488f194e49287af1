//! The instruction sets of this machine, for tests and fuzzing: a kernel is compiled for several of them
//! and must do the same with each.

use fearless_simd::Level;
#[cfg(target_arch = "x86_64")]
use fearless_simd::Simd;

/// All instruction sets of this machine for which kernels are compiled, the most basic one first; the
/// last one is what a kernel takes by default.
#[must_use]
pub fn available_levels() -> Vec<Level> {
    let best = Level::new();
    #[cfg(target_arch = "x86_64")]
    let levels = [
        best.as_sse2().map(Simd::level),
        best.as_sse4_2().map(Simd::level),
        best.as_avx2().map(Simd::level),
        best.as_avx512().map(Simd::level),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let levels = [Some(best)];
    levels.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::mem::discriminant;

    use super::*;

    #[test]
    fn the_last_level_is_the_default_and_none_comes_twice() {
        let kinds: Vec<_> = available_levels().iter().map(discriminant).collect();
        assert_eq!(kinds.last(), Some(&discriminant(&Level::new())));
        assert!((1..kinds.len()).all(|place| !kinds[..place].contains(&kinds[place])));
    }
}
