//! Lines of statements while they wait for their partition, with the texts that they point into.

use std::collections::{BTreeMap, BTreeSet};

use crate::normalize::sums::Sums;
use crate::normalize::values::interning::Interner;
use crate::vocabulary::day::{Day, Month};
use crate::vocabulary::reference::Reference;
use crate::vocabulary::sale::{Figure, Pool, Sale, TextId};
use crate::vocabulary::territory::Territory;

/// Store (name of its partitions) and month of use.
pub type SalesMonth = (String, Month);

/// What the ledger keeps of the lines, or of the plays, by store and month of use.
pub type MonthNotes = BTreeMap<SalesMonth, MonthNote>;

/// What the ledger keeps of the lines or the plays of a month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MonthNote {
    /// Where they were.
    pub territories: BTreeSet<Territory>,
    /// How many lines of statements end on which day, of those that end in a later month.
    pub reaches: BTreeMap<Day, u64>,
    /// Of lines of statements: units and money. Of counters and declared streams: their plays.
    pub sums: Sums,
    /// Of pools: units and money.
    pub pools: Sums,
}

/// Lines of one report, or of a part of it.
#[derive(Debug, Default)]
pub struct SalesLot {
    /// Lines by store and month of use, in order of rows.
    pub sales: BTreeMap<SalesMonth, Vec<Sale>>,
    /// Pools by store and month of use, in order of rows.
    pub pools: BTreeMap<SalesMonth, Vec<Pool>>,
    /// Counters or declared streams by store and month, in order of rows.
    pub figures: BTreeMap<SalesMonth, Vec<Figure>>,
    /// Reference data by store and month, in order of rows.
    pub references: BTreeMap<SalesMonth, Vec<Reference>>,
    /// By [`TextId`].
    pub texts: Vec<String>,
}

impl SalesLot {
    /// Notes the territories and the sums of the lines.
    pub fn note(&self, noted: &mut MonthNotes) {
        for (month, sales) in &self.sales {
            let known = noted.entry(month.clone()).or_default();
            for sale in sales {
                known.sums.add(sale.units, sale.amount.zip(sale.currency));
            }
            for last in sales.iter().map(|sale| sale.usage_to).filter(|day| month.1 < day.month()) {
                *known.reaches.entry(last).or_default() += 1;
            }
            // Lines of a territory mostly stand together.
            let mut last = None;
            for territory in sales.iter().map(|sale| sale.territory) {
                if territory != last {
                    known.territories.extend(territory);
                    last = territory;
                }
            }
        }
        for (month, pools) in &self.pools {
            let known = &mut noted.entry(month.clone()).or_default().pools;
            for pool in pools {
                known.add(pool.units.unwrap_or_default(), pool.amount.zip(pool.currency));
            }
        }
        for (month, figures) in &self.figures {
            let known = &mut noted.entry(month.clone()).or_default().sums;
            figures.iter().for_each(|figure| known.add(figure.plays, None));
        }
    }

    /// A text; empty if the id is of another lot.
    #[must_use]
    pub fn text(&self, id: TextId) -> &str {
        self.texts.get(id as usize).map_or("", String::as_str)
    }
}

/// Gathers lines.
#[derive(Debug, Default)]
pub struct SalesBuilder {
    lot: SalesLot,
    interner: Interner,
    n_rows: usize,
    text_bytes: usize,
}

impl SalesBuilder {
    /// The id of a text.
    pub fn text(&mut self, text: &str) -> TextId {
        match self.interner.find(text.as_bytes()) {
            Ok(id) => id,
            Err(hash) => {
                self.lot.texts.push(text.to_owned());
                self.text_bytes += text.len();
                self.interner.insert(hash, text.as_bytes())
            }
        }
    }

    /// Takes a line in.
    pub fn push(&mut self, store: &str, sale: Sale) {
        self.n_rows += 1;
        of_month(&mut self.lot.sales, store, sale.usage_from.month()).push(sale);
    }

    /// Takes a pool in.
    pub fn push_pool(&mut self, store: &str, pool: Pool) {
        self.n_rows += 1;
        of_month(&mut self.lot.pools, store, pool.usage_from.month()).push(pool);
    }

    /// Takes a figure in.
    pub fn push_figure(&mut self, store: &str, figure: Figure) {
        self.n_rows += 1;
        of_month(&mut self.lot.figures, store, figure.date.month()).push(figure);
    }

    /// Takes a row of reference data in.
    pub fn push_reference(&mut self, store: &str, reference: Reference) {
        self.n_rows += 1;
        of_month(&mut self.lot.references, store, reference.date.month()).push(reference);
    }

    /// About how much memory this takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.n_rows * size_of::<Sale>() + 2 * self.text_bytes + self.lot.texts.len() * 64
    }

    /// What was gathered so far; the next line begins a new lot.
    pub fn take(&mut self) -> SalesLot {
        std::mem::take(self).lot
    }
}

fn of_month<'a, T>(
    months: &'a mut BTreeMap<SalesMonth, Vec<T>>,
    store: &str,
    month: Month,
) -> &'a mut Vec<T> {
    // The key is only made where it is new: a report has few of them.
    let place = months.keys().position(|(name, of)| name == store && *of == month);
    match place {
        Some(place) => months.values_mut().nth(place).unwrap_or_else(|| unreachable!()),
        None => months.entry((store.to_owned(), month)).or_default(),
    }
}
