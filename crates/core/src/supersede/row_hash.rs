//! The hash of a row by the fields in which two reports are compared: day or range of use, recording,
//! release, territory, tier code, kind of use, units, money, shop and store.
//!
//! A hash of our own with fixed constants: it is stored next to the archive, so it must be the same on
//! every machine and in every version, and it is taken of every line of a statement, so it must be
//! cheap. It guards against chance, not against an enemy: who can write a store's reports can count
//! plays twice in easier ways.

use std::collections::BTreeMap;

use crate::model::money::{Amount, Currency};
use crate::model::play::{Play, PlayAttributes, PlayDictionaries, ReportPlays};
use crate::model::sale::{FigureRow, RevenuePool, TextId};
use crate::model::territory::Territory;
use crate::normalize::sale_lines::{SaleItem, SaleLine, SaleTerms};
use crate::normalize::sales_lot::SalesLot;
use crate::supersede::facts::ComparedBy;

/// Version of the hash: lists of another one are made again.
pub const ROW_HASH_VERSION: u8 = 2;

/// What a listening time is where the report gives none of its own.
const NO_TIME: u64 = u64::MAX;

/// Sums over the rows of a report, and the fingerprint of all of them in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowSums {
    /// Rows that were hashed.
    pub rows: u64,
    /// Sum of the rows' hashes modulo 2^128: the same for the same rows in any order.
    pub fingerprint: u128,
    /// Units or plays.
    pub plays: i128,
    /// Money by currency, in 10^-12 of its unit.
    pub money: BTreeMap<Currency, i128>,
    /// Whether a row has no territory.
    pub has_no_territory: bool,
    /// Whether a sum was beyond 128 bits: it is unknown then.
    pub is_beyond: bool,
}

impl RowSums {
    /// Adds a row and gives the half of its hash that lists of rows keep.
    pub(super) fn add(&mut self, mixer: HashMixer, plays: i64, territory: u16) -> u64 {
        let hash = mixer.finish();
        self.rows += 1;
        self.fingerprint = self.fingerprint.wrapping_add(hash);
        self.add_plays(plays.into());
        self.has_no_territory |= territory == 0;
        upper_half(hash)
    }

    fn add_plays(&mut self, plays: i128) {
        match self.plays.checked_add(plays) {
            Some(sum) => self.plays = sum,
            None => self.is_beyond = true,
        }
    }

    fn add_money(&mut self, money: Option<(Amount, Currency)>) {
        let Some((amount, currency)) = money else {
            return;
        };
        let known = self.money.entry(currency).or_default();
        match known.checked_add(amount.0) {
            Some(sum) => *known = sum,
            None => self.is_beyond = true,
        }
    }

    /// Adds sums of another part of the same report.
    pub fn join(&mut self, other: &Self) {
        self.rows += other.rows;
        self.fingerprint = self.fingerprint.wrapping_add(other.fingerprint);
        self.add_plays(other.plays);
        for (currency, amount) in &other.money {
            self.add_money(Some((Amount(*amount), *currency)));
        }
        self.has_no_territory |= other.has_no_territory;
        self.is_beyond |= other.is_beyond;
    }
}

/// How rows are hashed.
#[derive(Debug, Clone, Copy)]
pub struct HashedAs<'a> {
    /// The store in whose folder the report lies: its own name tells no two of its rows apart, and the same
    /// report in another folder has the same hashes.
    pub store: &'a str,
    /// Whether numbers are left out.
    pub by: ComparedBy,
}

impl HashedAs<'_> {
    fn store_hash(self, store: &str) -> u64 {
        if store == self.store { 0 } else { text_hash(store.as_bytes()) }
    }

    fn number(self, number: i64) -> u64 {
        if self.by == ComparedBy::Keys { NO_TIME } else { signed(number) }
    }

    fn money(self, amount: Option<Amount>) -> Option<Amount> {
        amount.filter(|_| self.by == ComparedBy::Rows)
    }
}

/// Hashes the lines, pools and figures of a lot and hands each hash on, in no order that matters.
pub fn hash_lot(lot: &SalesLot, how: HashedAs<'_>, sums: &mut RowSums, mut push: impl FnMut(u64)) {
    let words = &lot.words;
    let texts: Vec<u64> = words.texts.iter().map(|text| text_hash(text.as_bytes())).collect();
    let text = |id: Option<TextId>| {
        id.and_then(|id| texts.get(usize::try_from(id).ok()?).copied()).unwrap_or_default()
    };
    let items: Vec<[u64; 2]> = words.items.iter().map(|item| item_words(item, text)).collect();
    let terms: Vec<TermsHash> = words.terms.iter().map(|terms| terms_hash(terms, text)).collect();
    for ((store, _), lines) in &lot.sales {
        let store = how.store_hash(store);
        let mut money: Vec<Option<i128>> = vec![None; words.terms.len()];
        for line in lines {
            let of_terms = &terms[line.terms as usize];
            let row = sale_row(line, &items[line.item as usize], of_terms, store, how);
            push(sums.add(row, line.units, of_terms.territory));
            if let Some(Amount(amount)) = line.amount() {
                let known = &mut money[line.terms as usize];
                match known.unwrap_or_default().checked_add(amount) {
                    Some(sum) => *known = Some(sum),
                    None => sums.is_beyond = true,
                }
            }
        }
        for (terms, amount) in words.terms.iter().zip(money) {
            sums.add_money(amount.map(Amount).zip(terms.currency));
        }
    }
    for ((store, _), pools) in &lot.pools {
        let store = how.store_hash(store);
        for pool in pools {
            // Units of a pool are those of its lines, or of a whole market.
            push(sums.add(pool_row(pool, store, how, text), 0, packed(pool.territory)));
            sums.add_money(pool.amount.zip(pool.currency));
        }
    }
    for ((store, _), figures) in &lot.figures {
        let store = how.store_hash(store);
        for figure in figures {
            push(sums.add(
                figure_row(figure, store, how, text),
                figure.plays,
                packed(figure.territory),
            ));
        }
    }
}

/// Hashes the plays of a date, of a report without listeners, and hands each hash on.
pub fn hash_plays(
    (day, piece): (i32, &ReportPlays),
    how: HashedAs<'_>,
    sums: &mut RowSums,
    mut push: impl FnMut(u64),
) {
    let words = &*piece.words;
    let tracks: Vec<HashMixer> = words.tracks.iter().map(track_of_plays).collect();
    let kinds: Vec<(u64, u32)> =
        words.kinds.iter().map(|kind| (kind_hash(kind, words), kind.plays)).collect();
    for play in piece.rows.iter().flatten() {
        let Some(((kind, plays), track)) =
            at(&kinds, play.kind).copied().zip(at(&tracks, play.track).copied())
        else {
            continue;
        };
        let row = track.word(signed(day.into())).word(kind).word(how.number(plays.into()));
        let row = row
            .word(play.territory.into())
            .word(listened(play, day))
            .word(how.number(play.played_ms.into()));
        push(sums.add(row, plays.into(), play.territory));
    }
}

pub(super) fn at<T>(list: &[T], id: u32) -> Option<&T> {
    list.get(usize::try_from(id).ok()?)
}

/// When a play was heard, where the report says more than its date.
fn listened(play: &Play, day: i32) -> u64 {
    let midnight = i64::from(day) * crate::model::day::MS_PER_DAY;
    if play.listened_at_ms == midnight { NO_TIME } else { signed(play.listened_at_ms) }
}

fn track_of_plays(track: &crate::model::play::Track) -> HashMixer {
    let isrc = track.isrc.map_or(0, crate::model::isrc::Isrc::packed);
    let store_track = track.store_track.as_deref().filter(|_| isrc == 0);
    let store_track = store_track.map_or(0, |text| text_hash(text.as_bytes()));
    let upc = track.upc.map_or(0, crate::model::upc::Upc::packed);
    HashMixer::new(4).word(isrc).word(store_track).word(upc)
}

/// What a store says of all plays of a product, source and device.
fn kind_hash(kind: &PlayAttributes, words: &PlayDictionaries) -> u64 {
    let name =
        |names: &[Box<str>], id: u32| at(names, id).map_or(0, |name| text_hash(name.as_bytes()));
    let mixed = HashMixer::new(5).word(name(&words.sources, kind.source));
    let mixed = mixed.word(name(&words.devices, kind.device));
    let Some(product) = at(&words.products, kind.product) else {
        return mixed.a;
    };
    let code = product.tier_code.as_deref().map_or(0, |code| text_hash(code.as_bytes()));
    mixed.word(code).word(text_hash(product.use_type.as_bytes())).a
}

/// The words of a line that are those of its item.
fn item_words(item: &SaleItem, text: impl Fn(Option<TextId>) -> u64) -> [u64; 2] {
    let isrc = item.isrc.map_or(0, crate::model::isrc::Isrc::packed);
    let store_track = text(item.store_track.filter(|_| isrc == 0));
    let upc = item.upc.map_or(0, crate::model::upc::Upc::packed);
    [isrc ^ store_track.rotate_left(7), upc]
}

/// The words of a line that are those of its terms.
struct TermsHash {
    usage: u64,
    place: u64,
    tier_code: u64,
    use_type: u64,
    shop: u64,
    territory: u16,
}

fn terms_hash(terms: &SaleTerms, text: impl Fn(Option<TextId>) -> u64) -> TermsHash {
    let territory = packed(terms.territory);
    TermsHash {
        usage: two(terms.usage_from.0, terms.usage_to.0),
        place: u64::from(territory) | currency(terms.currency) << 16,
        tier_code: text(terms.tier_code),
        use_type: text(Some(terms.use_type)),
        shop: text(terms.shop),
        territory,
    }
}

/// A line of a statement. Its row, titles and period of settlement are no part of it.
#[inline]
fn sale_row(
    line: &SaleLine,
    [track, upc]: &[u64; 2],
    terms: &TermsHash,
    store: u64,
    how: HashedAs<'_>,
) -> HashMixer {
    HashMixer::new(1)
        .word(terms.usage)
        .word(*track)
        .word(*upc)
        .word(terms.place)
        .word(terms.tier_code)
        .word(terms.use_type)
        .word(how.number(line.units))
        .money(how.money(line.amount()))
        .word(terms.shop)
        .word(store)
}

fn pool_row(
    pool: &RevenuePool,
    store: u64,
    how: HashedAs<'_>,
    text: impl Fn(Option<TextId>) -> u64,
) -> HashMixer {
    let number = |number: Option<i64>| number.map_or(NO_TIME, |number| how.number(number));
    HashMixer::new(2)
        .word(signed(pool.usage_from.0.into()))
        .word(u64::from(packed(pool.territory)) | currency(pool.currency) << 16)
        .word(text(pool.model))
        .word(text(pool.use_type))
        .word(number(pool.units))
        .word(number(pool.subscribers))
        .money(how.money(pool.amount))
        .word(store)
}

fn figure_row(
    figure: &FigureRow,
    store: u64,
    how: HashedAs<'_>,
    text: impl Fn(Option<TextId>) -> u64,
) -> HashMixer {
    let isrc = figure.isrc.map_or(0, crate::model::isrc::Isrc::packed);
    let store_track = text(figure.store_track.filter(|_| isrc == 0));
    HashMixer::new(3)
        .word(signed(figure.date.0.into()))
        .word(isrc ^ store_track.rotate_left(7))
        .word(figure.upc.map_or(0, crate::model::upc::Upc::packed))
        .word(packed(figure.territory).into())
        .word(text(figure.tier_code))
        .word(how.number(figure.plays))
        .word(store)
}

fn packed(territory: Option<Territory>) -> u16 {
    territory.map_or(0, Territory::packed)
}

/// The letters of a currency; 0 for none.
fn currency(currency: Option<Currency>) -> u64 {
    let add = |code: u64, letter: u8| code << 8 | u64::from(letter);
    currency.map_or(0, |currency| currency.as_str().bytes().fold(0, add))
}

fn signed(number: i64) -> u64 {
    number.cast_unsigned()
}

fn two(a: i32, b: i32) -> u64 {
    u64::from(a.cast_unsigned()) << 32 | u64::from(b.cast_unsigned())
}

/// The hash of a text; never 0, which stands for none.
pub(super) fn text_hash(text: &[u8]) -> u64 {
    let mut mixer = HashMixer::new(6).word(text.len() as u64);
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        mixer = mixer.word(u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mixer.word(u64::from_le_bytes(last)).a | 1
}

/// Two lanes of a multiplication folded onto itself: 128 bits of state, a word at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct HashMixer {
    a: u64,
    b: u64,
}

/// A sum by which a damaged piece of a list is known.
#[must_use]
pub fn checksum(hashes: &[u64]) -> u64 {
    let start = HashMixer::new(7).word(hashes.len() as u64);
    hashes.iter().fold(start, |mixer, hash| mixer.word(*hash)).a
}

/// Odd numbers without a pattern: the first hex digits of the square roots of 2, 3, 5 and 7 after
/// their points.
const LANE_A: u64 = 0x6a09_e667_f3bc_c909;
const LANE_B: u64 = 0xbb67_ae85_84ca_a73b;
const START_A: u64 = 0x3c6e_f372_fe94_f82b;
const START_B: u64 = 0xa54f_f53a_5f1d_36f1;

/// The upper half alone: lists take half the room, and chance has 2^64 against it.
fn upper_half(hash: u128) -> u64 {
    u64::try_from(hash >> 64).unwrap_or_default()
}

fn folded(number: u64, by: u64) -> u64 {
    let product = u128::from(number) * u128::from(by);
    let mask = u128::from(u64::MAX);
    // Both halves fit 64 bits.
    let half = |half: u128| u64::try_from(half).unwrap_or_default();
    half(product >> 64) ^ half(product & mask)
}

impl HashMixer {
    /// A mixer for one kind of row.
    pub(super) fn new(kind: u64) -> Self {
        Self { a: START_A ^ kind, b: START_B.wrapping_add(kind) }
    }

    #[inline]
    pub(super) fn word(self, word: u64) -> Self {
        Self {
            a: folded(self.a ^ word, LANE_A),
            b: folded(self.b.rotate_left(29).wrapping_add(word), LANE_B),
        }
    }

    /// Money; none is another thing than zero.
    #[inline]
    fn money(self, amount: Option<Amount>) -> Self {
        let Some(Amount(amount)) = amount else {
            return self.word(NO_TIME).word(NO_TIME);
        };
        let bits = amount.cast_unsigned();
        let half = |half: u128| u64::try_from(half).unwrap_or_default();
        self.word(half(bits >> 64)).word(half(bits & u128::from(u64::MAX)))
    }

    /// The half of the hash that lists of rows keep.
    pub(super) fn short(self) -> u64 {
        upper_half(self.finish())
    }

    fn finish(self) -> u128 {
        let last = self.word(START_B);
        u128::from(last.a ^ last.b.rotate_left(32)) << 64
            | u128::from(folded(last.b ^ last.a, LANE_A))
    }
}

#[cfg(test)]
mod tests;
