//! Divides whole units in proportion to weights, so that the parts add up to the units exactly.

/// Parts of `units`, one for each weight, by largest remainder: each part is its exact share cut to a whole
/// number, and what is left goes one by one to the parts that were cut most, of equal ones to the first.
/// Negative units are divided as their size is. A negative weight counts as 0.
///
/// `None` if no weight is above 0: nothing says how to divide.
#[must_use]
pub fn divide(units: i64, weights: &[i64]) -> Option<Vec<i64>> {
    let weights: Vec<i128> = weights.iter().map(|weight| i128::from((*weight).max(0))).collect();
    let whole: i128 = weights.iter().sum();
    if whole == 0 {
        return None;
    }
    let size = i128::from(units).abs();
    let mut parts: Vec<i128> = weights.iter().map(|weight| size * weight / whole).collect();
    let mut left = size - parts.iter().sum::<i128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(size * weights[*place] % whole));
    for place in order {
        if left == 0 {
            break;
        }
        parts[place] += 1;
        left -= 1;
    }
    let sign = i128::from(units.signum());
    parts.into_iter().map(|part| i64::try_from(part * sign).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_left_goes_to_those_that_were_cut_most() {
        // 10 over 1 : 1 : 1 is 3 1/3 each; the first of equal ones gets what is left.
        assert_eq!(divide(10, &[1, 1, 1]), Some(vec![4, 3, 3]));
        // 2 1/2, 5, 2 1/2.
        assert_eq!(divide(10, &[25, 50, 25]), Some(vec![3, 5, 2]));
        // 1.4, 2.8 and 2.8 of 7.
        assert_eq!(divide(7, &[1, 2, 2]), Some(vec![1, 3, 3]));
        assert_eq!(divide(-7, &[1, 2, 2]), Some(vec![-1, -3, -3]));
        assert_eq!(divide(5, &[0, 3, -2]), Some(vec![0, 5, 0]));
        assert_eq!(divide(5, &[0, 0]), None);
        assert_eq!(divide(5, &[]), None);
        assert_eq!(divide(0, &[4, 1]), Some(vec![0, 0]));
        assert_eq!(divide(i64::MIN, &[1]), Some(vec![i64::MIN]));
    }

    proptest! {
        #[test]
        fn parts_add_up_and_none_is_off_by_one(
            units in -1_000_000_000_000_i64..1_000_000_000_000,
            weights in prop::collection::vec(0..1_000_000_000_000_i64, 1..14),
        ) {
            let whole: i128 = weights.iter().copied().map(i128::from).sum();
            let parts = divide(units, &weights);
            prop_assert_eq!(parts.is_some(), whole != 0);
            let parts = parts.unwrap_or_default();
            if whole != 0 {
                prop_assert_eq!(parts.iter().sum::<i64>(), units);
                for (part, weight) in parts.iter().zip(&weights) {
                    let off = i128::from(*part) * whole - i128::from(units) * i128::from(*weight);
                    prop_assert!(off.abs() < whole, "{part} of {units} by {weight} of {whole}");
                }
            }
        }

        #[test]
        fn negative_units_are_divided_as_positive_ones(
            units in 0..1_000_000_i64,
            weights in prop::collection::vec(0..1_000_i64, 1..14),
        ) {
            let of = |units| divide(units, &weights);
            let turned = of(-units).map(|parts| parts.iter().map(|part| -part).collect::<Vec<_>>());
            prop_assert_eq!(turned, of(units));
        }
    }
}
