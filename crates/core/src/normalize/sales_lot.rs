//! Lines of statements while they wait for their partition, with the texts that they point into.

use std::collections::{BTreeMap, BTreeSet};

use crate::normalize::interning::Interner;
use crate::vocabulary::day::Month;
use crate::vocabulary::reference::Reference;
use crate::vocabulary::sale::{Figure, Pool, Sale, TextId};
use crate::vocabulary::territory::Territory;

/// Store (name of its partitions) and month of use.
pub type SalesMonth = (String, Month);

/// Territories of the lines, by store and month of use.
pub type MonthTerritories = BTreeMap<SalesMonth, BTreeSet<Territory>>;

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
    /// Adds the territories of the lines.
    pub fn note_territories(&self, noted: &mut MonthTerritories) {
        for (month, sales) in &self.sales {
            let known = noted.entry(month.clone()).or_default();
            // Lines of a territory mostly stand together.
            let mut last = None;
            for territory in sales.iter().map(|sale| sale.territory) {
                if territory != last {
                    known.extend(territory);
                    last = territory;
                }
            }
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
