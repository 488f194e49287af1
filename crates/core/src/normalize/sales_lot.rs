//! Lines of statements while they wait for their partition, with the texts that they point into.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::day::{Day, Month};
use crate::model::money::{Amount, Currency};
use crate::model::play::NONE;
use crate::model::reference::ReferenceRow;
use crate::model::sale::{FigureRow, RevenuePool, SaleRow, TextId};
use crate::model::territory::Territory;
use crate::normalize::sale_lines::{SaleLine, SaleLines, SaleWords, SaleWordsBuilder};
use crate::normalize::sums::{BoundedSum, ReportSumsBuilder};
use crate::numbers::exact;

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
    pub sums: ReportSumsBuilder,
    /// Of pools: units and money.
    pub pools: ReportSumsBuilder,
}

impl MonthNote {
    /// Adds what is kept of other lines of the month.
    pub fn add(&mut self, other: &Self) {
        self.territories.extend(&other.territories);
        for (day, n_lines) in &other.reaches {
            *self.reaches.entry(*day).or_default() += n_lines;
        }
        self.sums.add_sums(&other.sums);
        self.pools.add_sums(&other.pools);
    }
}

/// Lines of one report, or of a part of it.
#[derive(Debug, Default)]
pub struct SalesLot {
    /// Lines by store and month of use, in order of rows.
    pub sales: BTreeMap<SalesMonth, SaleLines>,
    /// Pools by store and month of use, in order of rows.
    pub pools: BTreeMap<SalesMonth, Vec<RevenuePool>>,
    /// Counters or declared streams by store and month, in order of rows.
    pub figures: BTreeMap<SalesMonth, Vec<FigureRow>>,
    /// Reference data by store and month, in order of rows.
    pub references: BTreeMap<SalesMonth, Vec<ReferenceRow>>,
    /// What the ids of all of them mean.
    pub words: SaleWords,
}

/// What lines of the same terms come to.
#[derive(Debug, Clone, Default)]
struct TermsSums {
    lines: u64,
    units: BoundedSum,
    /// `None` as long as no line has one.
    amount: Option<BoundedSum>,
}

impl SalesLot {
    /// Notes the territories and the sums of the lines.
    pub fn note(&self, noted: &mut MonthNotes) {
        let mut by_terms = vec![TermsSums::default(); self.words.terms.len()];
        for (month, lines) in &self.sales {
            let known = noted.entry(month.clone()).or_default();
            self.note_lines(month.1, lines, &mut by_terms, known);
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

    /// Notes lines of a month; `by_terms` is empty before and after.
    fn note_lines(
        &self,
        month: Month,
        lines: &SaleLines,
        by_terms: &mut [TermsSums],
        known: &mut MonthNote,
    ) {
        let mut used = Vec::new();
        for line in lines {
            let sums = &mut by_terms[line.terms as usize];
            if sums.lines == 0 {
                used.push(line.terms);
            }
            sums.lines += 1;
            sums.units.add(line.units.into());
            if let Some(Amount(amount)) = line.amount() {
                sums.amount.get_or_insert_default().add(amount);
            }
        }
        for id in used {
            let terms = &self.words.terms[id as usize];
            let sums = std::mem::take(&mut by_terms[id as usize]);
            known.sums.units.add_sum(&sums.units);
            if let Some((currency, amount)) = terms.currency.zip(sums.amount) {
                known.sums.amounts.entry(currency).or_default().add_sum(&amount);
            }
            known.territories.extend(terms.territory);
            if month < terms.usage_to.month() {
                *known.reaches.entry(terms.usage_to).or_default() += sums.lines;
            }
        }
    }

    /// Lines of statements with all that their ids mean, by month.
    pub fn all_sales(&self) -> impl Iterator<Item = (&SalesMonth, SaleRow)> {
        self.sales.iter().flat_map(|(month, lines)| {
            let words = &self.words;
            lines.iter().map(move |line| (month, line.to_sale(words)))
        })
    }

    /// A text; empty if the id is of another lot.
    #[must_use]
    pub fn text(&self, id: TextId) -> &str {
        self.words.text(id)
    }
}

/// Gathers lines.
#[derive(Debug, Default)]
pub struct SalesBuilder {
    lot: SalesLot,
    words: SaleWordsBuilder,
    /// Months of the lines, with the lines of each.
    months: Vec<(SalesMonth, SaleLines)>,
    /// By id of the terms: the place of their month, [`NONE`] before their first line.
    month_of_terms: Vec<u32>,
    n_rows: usize,
}

impl SalesBuilder {
    /// The id of a text.
    pub fn text(&mut self, text: &str) -> TextId {
        self.words.text(text)
    }

    /// Takes a line in, and gives the ids of what it is about and of its terms.
    pub fn push(&mut self, store: &str, sale: &SaleRow) -> (u32, u32) {
        let item = self.words.item(sale.item());
        let terms = self.words.terms(sale.terms());
        let mut line = SaleLine::new(sale.row, (item, terms), sale.units, sale.amount);
        line.amount_text = sale.amount_text.unwrap_or(NONE);
        self.push_line(store, line);
        (item, terms)
    }

    /// The currency of terms that were ingested.
    #[must_use]
    pub fn currency(&self, terms: u32) -> Option<Currency> {
        self.words.words().terms.get(terms as usize)?.currency
    }

    /// Takes a line in whose ids this builder gave.
    pub fn push_line(&mut self, store: &str, line: SaleLine) {
        self.n_rows += 1;
        let terms = line.terms as usize;
        if self.month_of_terms.len() <= terms {
            self.month_of_terms.resize(terms + 1, NONE);
        }
        let known = self.months.get_mut(self.month_of_terms[terms] as usize);
        if let Some((_, lines)) = known.filter(|((of, _), _)| of == store) {
            return lines.push(line);
        }
        let month = self.words.words().terms[terms].usage_from.month();
        let is_same = |((of, at), _): &(SalesMonth, _)| of == store && *at == month;
        let place = self.months.iter().position(is_same).unwrap_or_else(|| {
            self.months.push(((store.to_owned(), month), SaleLines::default()));
            self.months.len() - 1
        });
        self.months[place].1.push(line);
        self.month_of_terms[terms] = exact::<u32>(place);
    }

    /// Takes a pool in.
    pub fn push_pool(&mut self, store: &str, pool: RevenuePool) {
        self.n_rows += 1;
        of_month(&mut self.lot.pools, store, pool.usage_from.month()).push(pool);
    }

    /// Takes a figure in.
    pub fn push_figure(&mut self, store: &str, figure: FigureRow) {
        self.n_rows += 1;
        of_month(&mut self.lot.figures, store, figure.date.month()).push(figure);
    }

    /// Takes a row of reference data in.
    pub fn push_reference(&mut self, store: &str, reference: ReferenceRow) {
        self.n_rows += 1;
        of_month(&mut self.lot.references, store, reference.date.month()).push(reference);
    }

    /// About how much memory this takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.n_rows * size_of::<SaleLine>() + self.words.size_bytes()
    }

    /// Whether the words are few beside the lines, also with what a reader remembers of them, in bytes: then
    /// it is cheaper to go on with them than to gather them anew.
    #[must_use]
    pub fn has_few_words(&self, remembered_bytes: usize) -> bool {
        const LINES_TO_WORDS: usize = 4;
        let words_bytes = self.words.size_bytes() + remembered_bytes;
        LINES_TO_WORDS * words_bytes < self.n_rows * size_of::<SaleLine>()
    }

    /// What was gathered so far. Words keep their ids for the lines to come.
    pub fn take_lines(&mut self) -> SalesLot {
        let (lot, months) = (std::mem::take(&mut self.lot), std::mem::take(&mut self.months));
        self.month_of_terms.clear();
        self.n_rows = 0;
        let words = self.words.words().clone();
        SalesLot { sales: months.into_iter().collect(), words, ..lot }
    }

    /// What was gathered so far; the next line begins with no words.
    pub fn take(&mut self) -> SalesLot {
        let Self { lot, words, months, .. } = std::mem::take(self);
        SalesLot { sales: months.into_iter().collect(), words: words.finish(), ..lot }
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
