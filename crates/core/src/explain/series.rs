//! Series: reports that come with every period, such as one for each kind of user or each territory. Where
//! fewer of them are there than came before, the period is not whole, though what is there has all its days.
//!
//! What is regular is told by the reports alone: a series that came for two periods in a row, by two
//! reports. Numbers are compared and not names, so that a store may rename its files; and a series that
//! has been silent for long has ended, so that it is not missed for ever.

use std::collections::{BTreeMap, BTreeSet};

use crate::explain::delivery::{AboutDays, DeliveryStatus, FeedDelivery};
use crate::explain::period::{Period, PeriodLength};

/// A series that nobody has heard of for more days than these, about three months, has ended.
const SILENT_DAYS_MAX: i32 = 92;

/// A name, and the one territory that its reports are about.
type SeriesOf<'a> = (&'a str, Option<&'a str>);

/// The series of a store's feed.
#[derive(Debug)]
pub(crate) struct SeriesOfFeed<'a> {
    /// Those that came twice in a row: of names that never come again there may be as many as reports.
    regular: Vec<(Option<&'a str>, ReportSeries)>,
    /// How many series each period has, by their territory.
    numbers: BTreeMap<Option<&'a str>, BTreeMap<Period, usize>>,
}

#[derive(Debug)]
struct ReportSeries {
    periods: BTreeSet<Period>,
    /// From this period on it is expected.
    regular_from: Period,
}

impl<'a> SeriesOfFeed<'a> {
    pub(crate) fn new(deliveries: &[&'a FeedDelivery], length: PeriodLength) -> Self {
        let mut reports: BTreeMap<SeriesOf<'a>, BTreeMap<Period, BTreeSet<&str>>> = BTreeMap::new();
        for delivery in deliveries {
            let is_there = !matches!(delivery.standing, DeliveryStatus::Superseded(_));
            if delivery.about != AboutDays::Own || !is_there {
                continue;
            }
            let key = (delivery.series.as_str(), delivery.only.as_deref());
            let periods = reports.entry(key).or_default();
            let mut period = length.holding(delivery.days.0);
            while period.first() <= delivery.days.1 {
                periods.entry(period).or_default().insert(&delivery.report);
                period = period.next();
            }
        }
        let series = |periods: BTreeMap<Period, BTreeSet<&str>>| {
            let mut pairs = periods.iter().zip(periods.iter().skip(1));
            let regular_from = pairs.find_map(|((one, before), (other, after))| {
                (one.next() == *other && before != after).then(|| other.next())
            })?;
            Some(ReportSeries { periods: periods.into_keys().collect(), regular_from })
        };
        let mut numbers: BTreeMap<Option<&str>, BTreeMap<Period, usize>> = BTreeMap::new();
        for ((_, only), periods) in &reports {
            let of_territory = numbers.entry(*only).or_default();
            periods.keys().for_each(|period| *of_territory.entry(*period).or_default() += 1);
        }
        let regular = reports.into_iter().filter_map(|((_, only), of)| Some((only, series(of)?)));
        Self { regular: regular.collect(), numbers }
    }

    /// Of which territories a period has fewer series than came before it; `None` for those that are
    /// about all.
    pub(crate) fn missing(&self, period: Period) -> BTreeSet<Option<&'a str>> {
        let there = |only: Option<&str>| {
            self.numbers.get(&only).and_then(|n| n.get(&period)).map_or(0, |n| *n)
        };
        let mut expected: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for (only, series) in &self.regular {
            *expected.entry(*only).or_default() += usize::from(series.is_expected(period));
        }
        for (only, regular) in &mut expected {
            // One that another has followed under a new name is no second one.
            let before = self.numbers.get(only).into_iter().flat_map(|n| n.range(..period).rev());
            let recent = before.take_while(|(before, _)| !is_silent(**before, period));
            *regular = (*regular).min(recent.map(|(_, n)| *n).max().unwrap_or_default());
        }
        // Who begins to report of all at once has done with single territories.
        let is_put_together = expected.get(&None).map_or(0, |n| *n) < there(None);
        expected
            .into_iter()
            .filter(|(only, regular)| {
                there(*only) < *regular && !(only.is_some() && is_put_together)
            })
            .map(|(only, _)| only)
            .collect()
    }
}

impl ReportSeries {
    fn is_expected(&self, period: Period) -> bool {
        let last = self.periods.range(..period).next_back();
        let is_heard_of = last.is_some_and(|last| !is_silent(*last, period));
        self.regular_from <= period && is_heard_of
    }
}

/// Whether a period is too long before another one.
fn is_silent(last: Period, period: Period) -> bool {
    SILENT_DAYS_MAX < period.first().0 - last.last().0
}
