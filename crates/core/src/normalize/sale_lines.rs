//! Lines of statements as rows of ids. What many lines have in common (their recording, their terms) is
//! kept once, so that a line is a few numbers, and a column of a table is looked up instead of computed.

use std::hash::{BuildHasher as _, Hash};
use std::iter::Flatten;

use bytemuck::{Pod, Zeroable};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::model::day::{Day, Month};
use crate::model::isrc::Isrc;
use crate::model::money::{Amount, Currency};
use crate::model::play::NONE;
use crate::model::sale::{LineType, SaleRow, TextId};
use crate::model::territory::Territory;
use crate::model::tier::Tier;
use crate::model::upc::Upc;
use crate::normalize::values::interning::Interner;
use crate::numbers::exact;

/// In place of an amount where a line has none. No amount of a report comes near it.
const NO_AMOUNT: i128 = i128::MIN;

/// What lines are about. Fields are those of [`SaleRow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SaleItem {
    /// The recording.
    pub isrc: Option<Isrc>,
    /// The release.
    pub upc: Option<Upc>,
    /// The store's own id, or an ISRC that is none.
    pub store_track: Option<TextId>,
    /// The release by its `GRid`.
    pub grid: Option<TextId>,
    /// Identifiers that are none, as they are written.
    pub id_text: Option<TextId>,
}

/// What lines have in common that were sold alike. Fields are those of [`SaleRow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SaleTerms {
    /// First day of use.
    pub usage_from: Day,
    /// Last day of use.
    pub usage_to: Day,
    /// Period in which it is settled.
    pub statement_period: Option<Month>,
    /// When the report says it was made.
    pub reported: Option<Day>,
    /// Where it was used.
    pub territory: Option<Territory>,
    /// The plan tier.
    pub tier: Tier,
    /// The store's codes for it.
    pub tier_code: Option<TextId>,
    /// What kind of use.
    pub use_type: TextId,
    /// Whether it was used offline.
    pub offline: Option<bool>,
    /// In which currency.
    pub currency: Option<Currency>,
    /// Whether it bears a royalty.
    pub royalty_bearing: Option<bool>,
    /// What kind of line it is.
    pub line_type: LineType,
    /// The pool that the line shares in.
    pub pool: Option<TextId>,
    /// The store as a statement of several stores names it.
    pub shop: Option<TextId>,
}

/// A line of a statement. Ids point into [`SaleWords`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SaleLine {
    /// 10^-12 of the currency's unit, or [`NO_AMOUNT`].
    amount: i128,
    /// Units; negative for returns.
    pub units: i64,
    /// Line in the report after the header, from 1.
    pub row: u32,
    /// Its [`SaleItem`].
    pub item: u32,
    /// Its [`SaleTerms`].
    pub terms: u32,
    /// The amount as written where 12 decimals did not hold it, else [`NONE`].
    pub amount_text: u32,
    /// Place of the report among those of a partition; 0 until it is known.
    pub report: u32,
    /// Without it the last bytes would be padding, which is not written to a file.
    unused: u32,
}

impl SaleLine {
    /// A line of a report.
    #[must_use]
    pub fn new(row: u32, (item, terms): (u32, u32), units: i64, amount: Option<Amount>) -> Self {
        let amount = amount.map_or(NO_AMOUNT, |amount| amount.0);
        Self { amount, units, row, item, terms, amount_text: NONE, report: 0, unused: 0 }
    }

    /// What the line pays; `None` where the report gives no money for it.
    #[must_use]
    #[inline]
    pub fn amount(&self) -> Option<Amount> {
        (self.amount != NO_AMOUNT).then_some(Amount(self.amount))
    }

    /// The line with all that its ids mean.
    ///
    /// # Panics
    /// If the line is of other words.
    #[must_use]
    pub fn to_sale(&self, words: &SaleWords) -> SaleRow {
        let item = &words.items[self.item as usize];
        let terms = &words.terms[self.terms as usize];
        SaleRow {
            row: self.row,
            usage_from: terms.usage_from,
            usage_to: terms.usage_to,
            statement_period: terms.statement_period,
            reported: terms.reported,
            isrc: item.isrc,
            upc: item.upc,
            store_track: item.store_track,
            territory: terms.territory,
            tier: terms.tier,
            tier_code: terms.tier_code,
            use_type: terms.use_type,
            offline: terms.offline,
            units: self.units,
            amount: self.amount(),
            amount_text: (self.amount_text != NONE).then_some(self.amount_text),
            currency: terms.currency,
            royalty_bearing: terms.royalty_bearing,
            line_type: terms.line_type,
            pool: terms.pool,
            shop: terms.shop,
            grid: item.grid,
            id_text: item.id_text,
        }
    }
}

impl SaleRow {
    /// What the line is about.
    #[must_use]
    pub fn item(&self) -> SaleItem {
        SaleItem {
            isrc: self.isrc,
            upc: self.upc,
            store_track: self.store_track,
            grid: self.grid,
            id_text: self.id_text,
        }
    }

    /// How it was sold.
    #[must_use]
    pub fn terms(&self) -> SaleTerms {
        SaleTerms {
            usage_from: self.usage_from,
            usage_to: self.usage_to,
            statement_period: self.statement_period,
            reported: self.reported,
            territory: self.territory,
            tier: self.tier,
            tier_code: self.tier_code,
            use_type: self.use_type,
            offline: self.offline,
            currency: self.currency,
            royalty_bearing: self.royalty_bearing,
            line_type: self.line_type,
            pool: self.pool,
            shop: self.shop,
        }
    }
}

/// Lines of a piece of [`SaleLines`].
const PIECE_LINES: usize = 1 << 14;

/// Lines in pieces: adding one never moves more than those of its piece, and needs no memory of twice the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SaleLines {
    pieces: Vec<Vec<SaleLine>>,
}

impl SaleLines {
    /// Appends a line.
    #[inline]
    pub fn push(&mut self, line: SaleLine) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE_LINES => piece.push(line),
            last => {
                let n_lines = if last.is_some() { PIECE_LINES } else { 1 };
                let mut piece = Vec::with_capacity(n_lines);
                piece.push(line);
                self.pieces.push(piece);
            }
        }
    }

    /// Number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The lines in order.
    pub fn iter(&self) -> Flatten<std::slice::Iter<'_, Vec<SaleLine>>> {
        self.pieces.iter().flatten()
    }
}

impl<'l> IntoIterator for &'l SaleLines {
    type Item = &'l SaleLine;
    type IntoIter = Flatten<std::slice::Iter<'l, Vec<SaleLine>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for SaleLines {
    type Item = SaleLine;
    type IntoIter = Flatten<std::vec::IntoIter<Vec<SaleLine>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter().flatten()
    }
}

impl FromIterator<SaleLine> for SaleLines {
    fn from_iter<I: IntoIterator<Item = SaleLine>>(lines: I) -> Self {
        let mut all = Self::default();
        lines.into_iter().for_each(|line| all.push(line));
        all
    }
}

/// What the ids of lines mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SaleWords {
    /// By [`SaleLine::item`].
    pub items: Vec<SaleItem>,
    /// By [`SaleLine::terms`].
    pub terms: Vec<SaleTerms>,
    /// By [`TextId`].
    pub texts: Vec<Box<str>>,
}

impl SaleWords {
    /// A text; empty if the id is of other words.
    #[must_use]
    pub fn text(&self, id: TextId) -> &str {
        self.texts.get(id as usize).map_or("", |text| text)
    }
}

/// Gives equal values one id each, in the order in which they come.
#[derive(Debug, Default)]
pub struct IdTable {
    ids: HashTable<u32>,
}

impl IdTable {
    /// The id of a value; a new one is appended to the list.
    pub fn id_of<T: Copy + Eq + Hash>(&mut self, value: T, list: &mut Vec<T>) -> u32 {
        let hash = |value: &T| FixedState::with_seed(0).hash_one(value);
        let own = hash(&value);
        if let Some(id) = self.ids.find(own, |id| list[*id as usize] == value) {
            return *id;
        }
        let id = exact::<u32>(list.len());
        list.push(value);
        self.ids.insert_unique(own, id, |id| hash(&list[*id as usize]));
        id
    }
}

/// Gathers words: equal ones get one id.
#[derive(Debug, Default)]
pub struct SaleWordsBuilder {
    words: SaleWords,
    items: IdTable,
    terms: IdTable,
    texts: Interner,
    text_bytes: usize,
}

impl SaleWordsBuilder {
    /// What was gathered so far.
    #[must_use]
    pub fn words(&self) -> &SaleWords {
        &self.words
    }

    /// The id of a text.
    pub fn text(&mut self, text: &str) -> TextId {
        match self.texts.find(text.as_bytes()) {
            Ok(id) => id,
            Err(hash) => {
                self.words.texts.push(text.into());
                self.text_bytes += text.len();
                self.texts.insert(hash, text.as_bytes())
            }
        }
    }

    /// The id of an item, whose texts are of these words.
    pub fn item(&mut self, item: SaleItem) -> u32 {
        self.items.id_of(item, &mut self.words.items)
    }

    /// The id of terms, whose texts are of these words.
    pub fn terms(&mut self, terms: SaleTerms) -> u32 {
        self.terms.id_of(terms, &mut self.words.terms)
    }

    /// Copies an item of other words.
    fn copy_item(&mut self, item: &SaleItem, from: &SaleWords) -> u32 {
        let mut text = |id: Option<TextId>| id.map(|id| self.text(from.text(id)));
        let (store_track, grid, id_text) =
            (text(item.store_track), text(item.grid), text(item.id_text));
        self.item(SaleItem { store_track, grid, id_text, ..*item })
    }

    /// Copies terms of other words.
    fn copy_terms(&mut self, terms: &SaleTerms, from: &SaleWords) -> u32 {
        let use_type = self.text(from.text(terms.use_type));
        let mut text = |id: Option<TextId>| id.map(|id| self.text(from.text(id)));
        let (tier_code, pool, shop) = (text(terms.tier_code), text(terms.pool), text(terms.shop));
        self.terms(SaleTerms { tier_code, use_type, pool, shop, ..*terms })
    }

    /// Forgets the items. Terms and texts keep their ids.
    pub fn forget_items(&mut self) {
        self.words.items.clear();
        self.items = IdTable::default();
    }

    /// About how much memory this takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        // Words are in a list, and their ids in a table.
        let Self { words, text_bytes, .. } = self;
        words.items.len() * (size_of::<SaleItem>() + 8)
            + words.terms.len() * (size_of::<SaleTerms>() + 8)
            + words.texts.len() * 64
            + 2 * text_bytes
    }

    /// What was gathered.
    #[must_use]
    pub fn finish(self) -> SaleWords {
        self.words
    }
}

/// Copies lines from some words to others, and remembers which id became which.
#[derive(Debug, Default)]
pub struct LineCopier {
    items: Vec<u32>,
    terms: Vec<u32>,
}

impl LineCopier {
    /// For lines of these words.
    #[must_use]
    pub fn new(from: &SaleWords) -> Self {
        Self { items: vec![NONE; from.items.len()], terms: vec![NONE; from.terms.len()] }
    }

    /// The line in the words of the builder.
    #[inline]
    pub fn copy(
        &mut self,
        line: &SaleLine,
        from: &SaleWords,
        to: &mut SaleWordsBuilder,
    ) -> SaleLine {
        let item = &mut self.items[line.item as usize];
        if *item == NONE {
            *item = to.copy_item(&from.items[line.item as usize], from);
        }
        let terms = &mut self.terms[line.terms as usize];
        if *terms == NONE {
            *terms = to.copy_terms(&from.terms[line.terms as usize], from);
        }
        let mut amount_text = line.amount_text;
        if amount_text != NONE {
            amount_text = to.text(from.text(amount_text));
        }
        SaleLine { item: *item, terms: *terms, amount_text, ..*line }
    }

    /// Forgets the items, as the builder did.
    pub fn forget_items(&mut self) {
        self.items.fill(NONE);
    }

    /// Forgets what became of these lines, for another builder.
    pub fn forget(&mut self, lines: &[SaleLine]) {
        for line in lines {
            self.items[line.item as usize] = NONE;
            self.terms[line.terms as usize] = NONE;
        }
    }
}

/// Where lines of items stand in the order of `sales`: the packed ISRC, or what is greater than all of them
/// for lines without one.
#[must_use]
pub fn isrc_keys(items: &[SaleItem]) -> Vec<u64> {
    items.iter().map(isrc_key).collect()
}

/// The same of one item.
#[must_use]
pub fn isrc_key(item: &SaleItem) -> u64 {
    item.isrc.map_or(u64::MAX, Isrc::packed)
}

/// Where the lines of each item stand in the order of `sales`.
#[derive(Debug, Clone)]
pub struct IsrcRanks {
    /// By item; equal where the ISRC is.
    ranks: Vec<u32>,
    n_ranks: usize,
}

impl IsrcRanks {
    /// Of these items.
    #[must_use]
    pub fn new(items: &[SaleItem]) -> Self {
        let keys = (0..).zip(items).map(|(id, item)| (isrc_key(item), id));
        let mut by_key: Vec<(u64, u32)> = keys.collect();
        by_key.sort_unstable();
        let mut ranks = vec![0_u32; items.len()];
        let mut n_ranks = 0;
        for (rank, same) in (0..).zip(by_key.chunk_by(|a, b| a.0 == b.0)) {
            same.iter().for_each(|(_, id)| ranks[*id as usize] = rank);
            n_ranks = rank as usize + 1;
        }
        Self { ranks, n_ranks }
    }

    /// Puts lines in the order of `sales`: by ISRC, those without one last, and as they were among equals.
    #[must_use]
    pub fn sort(&self, lines: &SaleLines) -> Vec<SaleLine> {
        let rank = |line: &SaleLine| self.ranks[line.item as usize];
        if lines.len() < self.n_ranks {
            let mut sorted: Vec<SaleLine> = lines.iter().copied().collect();
            sorted.sort_by_key(rank);
            return sorted;
        }
        // By counting: where the lines of each rank start.
        let mut starts = vec![0_u32; self.n_ranks + 1];
        lines.iter().for_each(|line| starts[rank(line) as usize + 1] += 1);
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut sorted = vec![SaleLine::zeroed(); lines.len()];
        for line in lines {
            let start = &mut starts[rank(line) as usize];
            sorted[*start as usize] = *line;
            *start += 1;
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(number: u32) -> SaleItem {
        let isrc = Isrc::parse(format!("ZZSL126{number:05}").as_bytes());
        let isrc = isrc.filter(|_| number != 0);
        SaleItem { isrc, upc: None, store_track: Some(number), grid: None, id_text: None }
    }

    proptest! {
        #[test]
        fn lines_lie_by_isrc_and_else_as_they_came(
            of in prop::collection::vec(0_usize..9, 0..60),
            items in prop::collection::vec(0_u32..6, 9),
        ) {
            let items: Vec<SaleItem> = items.into_iter().map(item).collect();
            let line = |(row, item): (u32, &usize)| {
                SaleLine::new(row, (u32::try_from(*item).unwrap(), 0), 1, None)
            };
            let lines: SaleLines = (1..).zip(&of).map(line).collect();
            let mut expected: Vec<SaleLine> = lines.iter().copied().collect();
            expected.sort_by_key(|line| {
                let isrc = items[line.item as usize].isrc;
                (isrc.is_none(), isrc, line.row)
            });
            prop_assert_eq!(IsrcRanks::new(&items).sort(&lines), expected);
        }

        #[test]
        fn equal_values_have_one_id(values in prop::collection::vec(0_u16..20, 0..80)) {
            let (mut table, mut list) = (IdTable::default(), Vec::new());
            for value in values {
                let id = table.id_of(value, &mut list);
                prop_assert_eq!(list[id as usize], value);
                prop_assert_eq!(list.iter().filter(|known| **known == value).count(), 1);
            }
        }
    }
}
