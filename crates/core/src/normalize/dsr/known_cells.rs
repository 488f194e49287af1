//! Usage records whose cells were read before: what they mean is looked up. A report has few combinations of
//! summary, kind of use and days, and within a block the same recording comes again and again.

use crate::ingest::dsr::RecordCells;
use crate::ingest::dsr::records::UsageCells;
use crate::model::money::{Amount, Currency};
use crate::normalize::counts::RowCounts;
use crate::normalize::dsr::cells::{item_cells, short_numbers, terms_cells};
use crate::normalize::table::cell_groups::{CellGroups, KnownItem};
use crate::normalize::unmapped::UnknownTexts;

/// What cells mean that were read before.
#[derive(Debug, Default)]
pub(crate) struct KnownCells {
    /// Of the block.
    items: CellGroups<KnownItem>,
    terms: CellGroups<KnownDsrTerms>,
}

/// What cells mean that say how it was used.
#[derive(Debug)]
pub(crate) struct KnownDsrTerms {
    pub(crate) id: u32,
    /// Id of the summary record.
    pub(crate) summary: String,
    pub(crate) currency: Option<Currency>,
    /// What is counted of each line with these cells, but for its identifiers.
    pub(crate) counts: RowCounts,
    /// Values that no table of ours knows.
    pub(crate) unknown: UnknownTexts,
}

/// A record all of whose cells are known.
pub(crate) struct KnownLine<'k> {
    pub(crate) item: &'k KnownItem,
    pub(crate) terms: &'k KnownDsrTerms,
    pub(crate) units: i64,
    pub(crate) amount: Option<Amount>,
}

/// The hashes by which cells of a record are remembered; `None` for those that are known, or are not to be
/// remembered.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct NewCells {
    item: Option<u32>,
    terms: Option<u32>,
}

impl KnownCells {
    /// What a record says, if its cells are known, and what is to be remembered of it if they are not.
    pub(crate) fn find(
        &mut self,
        cells: &RecordCells<'_>,
        places: &UsageCells,
    ) -> (Option<KnownLine<'_>>, NewCells) {
        let Some((units, amount)) = short_numbers(cells, places) else {
            return (None, NewCells::default());
        };
        // A line without an amount has no currency, and one of negative units is a return.
        let kind = [u8::from(amount.is_some()), u8::from(units < 0)];
        let item = self.items.find_cells(item_cells(cells, places).into_iter());
        let terms = self.terms.find_cells(terms_cells(cells, places, &kind).into_iter());
        let new =
            NewCells { item: item.as_ref().err().copied(), terms: terms.as_ref().err().copied() };
        let known = item.ok().zip(terms.ok());
        (known.map(|(item, terms)| KnownLine { item, terms, units, amount }), new)
    }

    /// Remembers what the cells of the record mean that was looked up last.
    pub(crate) fn remember(&mut self, new: NewCells, item: KnownItem, terms: KnownDsrTerms) {
        if let Some(hash) = new.item {
            self.items.insert_cells(hash, item);
        }
        if let Some(hash) = new.terms {
            self.terms.insert_cells(hash, terms);
        }
    }

    /// Forgets what says what was used: another block, or more of this one, may mean another thing by it.
    pub(crate) fn forget_items(&mut self) {
        self.items.clear();
    }

    /// Forgets what says how it was used: another summary record of an id may change what it says.
    pub(crate) fn forget_terms(&mut self) {
        self.terms.clear();
    }

    /// About how much memory this takes, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.items.size_bytes() + self.terms.size_bytes()
    }
}
