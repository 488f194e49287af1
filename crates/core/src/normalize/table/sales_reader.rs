//! Rows of a plain table of the feed `sales` to lines of statements.

use std::collections::BTreeMap;

use crate::ingest::table::format::{FormatField, TableFormat};
use crate::ingest::table::head::BoundFormat;
use crate::ingest::table::rows::{RecordRows, TableRecord};
use crate::model::about::ReportFacets;
use crate::model::grid::Grid;
use crate::model::money::{Amount, Currency};
use crate::model::sale::{LineType, SaleRow, USAGE_DAYS_MAX};
use crate::model::territory::{Territory, TerritoryTable};
use crate::model::tier::Tier;
use crate::normalize::counts::RowCounts;
use crate::normalize::rejected_row::RejectCode;
use crate::normalize::sale_lines::SaleLine;
use crate::normalize::sales_lot::{SalesBuilder, SalesLot};
use crate::normalize::store::StoreSettings;
use crate::normalize::table::cell_groups::{CellGroups, KnownItem, without_identifiers};
use crate::normalize::table::fields::{RowRejection, TableFields};
use crate::normalize::unmapped::{UnknownTexts, UnmappedField, UnmappedValues};
use crate::normalize::values::dates::DateSpan;

/// What reading sales needs to know beside the rows.
#[derive(Debug, Clone, Copy)]
pub struct SalesContext<'a> {
    /// Folder of the report: the store of its rows, unless they name another one.
    pub store: &'a str,
    /// All stores by name.
    pub stores: &'a BTreeMap<String, StoreSettings>,
    /// Territory codes and aliases.
    pub territories: &'a TerritoryTable,
}

/// Reads the rows of one report.
#[derive(Debug)]
pub struct SalesReader<'a> {
    fields: TableFields<'a>,
    context: SalesContext<'a>,
    builder: SalesBuilder,
    /// What the last row's shop meant.
    last_shop: LastShop<'a>,
    unmapped: UnmappedValues,
    about: ReportFacets,
    /// What cells mean that name a recording.
    items: CellGroups<KnownItem>,
    /// What all other cells mean that are read, but those of units and amount.
    terms: CellGroups<KnownTerms<'a>>,
}

/// What cells mean that say how a line was sold.
#[derive(Debug)]
struct KnownTerms<'a> {
    id: u32,
    store: &'a str,
    has_currency: bool,
    /// What is counted of each row with these cells.
    counts: RowCounts,
    /// Values that no table of ours knows.
    unknown: UnknownTexts,
}

impl<'a> SalesReader<'a> {
    /// A reader for a report with this head.
    #[must_use]
    pub fn new(format: &'a TableFormat, bound: BoundFormat, context: SalesContext<'a>) -> Self {
        let fields = TableFields::new(format, bound);
        let is_item = |field: FormatField| {
            matches!(
                field,
                FormatField::Isrc | FormatField::Upc | FormatField::StoreTrack | FormatField::Grid
            )
        };
        let is_number =
            |field: FormatField| matches!(field, FormatField::Units | FormatField::Amount);
        Self {
            items: CellGroups::new(fields.columns(is_item)),
            terms: CellGroups::new(fields.columns(|field| !is_item(field) && !is_number(field))),
            fields,
            context,
            builder: SalesBuilder::default(),
            last_shop: LastShop { name: String::new(), store: context.store, is_known: true },
            unmapped: UnmappedValues::default(),
            about: ReportFacets::default(),
        }
    }

    /// What it reads with.
    #[must_use]
    pub fn context(&self) -> SalesContext<'a> {
        self.context
    }

    /// Adds what another reader of the same report knows, whose lines were taken out.
    pub fn absorb(&mut self, other: Self) {
        self.about.add(&other.about);
        self.unmapped.add(other.unmapped);
        self.fields.add_marks(other.fields.marks());
    }

    /// What the report says of itself.
    #[must_use]
    pub fn about(&self) -> ReportFacets {
        self.about
    }

    /// Where the report has its fields.
    #[must_use]
    pub fn fields(&self) -> &TableFields<'a> {
        &self.fields
    }

    /// Memory of what was read, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.builder.size_bytes() + self.items.size_bytes() + self.terms.size_bytes()
    }

    /// Takes what was read so far out of the reader.
    pub fn take_lot(&mut self) -> SalesLot {
        if self.builder.has_few_words(self.items.size_bytes() + self.terms.size_bytes()) {
            return self.builder.take_lines();
        }
        // They mean ids of the lot.
        self.items.clear();
        self.terms.clear();
        self.builder.take()
    }

    /// Values that no table of ours knows.
    #[must_use]
    pub fn unmapped(&self) -> &UnmappedValues {
        &self.unmapped
    }

    /// Takes rows in, and calls `reject` with the place of each that goes to quarantine, and why; nothing of
    /// it is counted then.
    pub fn read(
        &mut self,
        rows: &RecordRows<'_>,
        counts: &mut RowCounts,
        mut reject: impl FnMut(usize, RowRejection),
    ) {
        self.items.look_up(rows);
        self.terms.look_up(rows);
        for place in 0..rows.len() {
            let read = self.read_line(rows, place, counts);
            read.unwrap_or_else(|rejection| reject(place, rejection));
        }
    }

    fn read_line(
        &mut self,
        rows: &RecordRows<'_>,
        place: usize,
        counts: &mut RowCounts,
    ) -> Result<(), RowRejection> {
        let record = &rows.record(place);
        let item = self.items.find(rows, place);
        let terms = self.terms.find(rows, place);
        let new_item = item.as_ref().err().copied();
        let new_terms = terms.as_ref().err().copied();
        if let (Ok(item), Ok(terms)) = (item, terms) {
            let units = units(&self.fields, record)?;
            let (amount, amount_text) = amount(&self.fields, record)?;
            if amount.is_none() || terms.has_currency {
                counts.add(&terms.counts);
                item.count(counts);
                let mut line = SaleLine::new(record.row, (item.id, terms.id), units, amount);
                if let Some(text) = amount_text {
                    line.amount_text = self.builder.text(&text);
                }
                if !terms.unknown.is_empty() {
                    let money = self.builder.currency(terms.id).zip(amount);
                    self.unmapped.note_all(&terms.unknown, units, money);
                }
                self.builder.push_line(terms.store, line);
                return Ok(());
            }
        }
        let mut noted = RowCounts::default();
        let (store, sale, unknown) = self.read_sale(record, &mut noted)?;
        counts.add(&noted);
        self.note(&sale);
        self.unmapped.note_all(&unknown, sale.units, sale.currency.zip(sale.amount));
        let (item, terms) = self.builder.push(store, &sale);
        if let Some(hash) = new_item {
            self.items.insert(hash, rows, place, KnownItem::new(item, &noted));
        }
        if let Some(hash) = new_terms {
            let known = KnownTerms {
                id: terms,
                store,
                has_currency: sale.currency.is_some(),
                counts: without_identifiers(&noted),
                unknown,
            };
            self.terms.insert(hash, rows, place, known);
        }
        Ok(())
    }

    fn note(&mut self, sale: &SaleRow) {
        let about = &mut self.about;
        about.note_territory(sale.territory.map_or(0, Territory::packed));
        about.note_days(sale.usage_from, sale.usage_to);
        sale.statement_period.into_iter().for_each(|month| about.note_statement(month));
        sale.reported.into_iter().for_each(|day| about.note_created(day.start_ms()));
    }

    fn read_sale(
        &mut self,
        record: &TableRecord<'_>,
        counts: &mut RowCounts,
    ) -> Result<(&'a str, SaleRow, UnknownTexts), RowRejection> {
        let fields = &self.fields;
        let usage = self.usage(record)?;
        let units = units(fields, record)?;
        let (amount, amount_text) = amount(fields, record)?;
        let currency = self.currency(record, amount)?;
        let line_type = self.line_type(record)?;
        let statement = fields.date(FormatField::StatementPeriod, record)?;
        let reported = fields.date(FormatField::ReportedDate, record)?;
        let offline = fields.truth(FormatField::Offline, record)?;
        let royalty_bearing = fields.truth(FormatField::RoyaltyBearing, record)?;
        let territory = fields.territory(record, self.context.territories, counts)?;
        let track = fields.track(record, counts)?;
        let (grid, bad_grid) = self.grid(record)?;
        let (bad_isrc, bad_upc) = (track.bad_isrc.as_deref(), track.bad_upc.as_deref());
        let id_text = wrong_ids(bad_isrc, bad_upc, bad_grid.as_deref());
        let use_type = fields.text(FormatField::UseType, record)?;
        let pool = fields.text(FormatField::Pool, record)?;
        let shop = fields.text(FormatField::Shop, record)?;
        let store = self.context.store_of(shop.as_deref(), &mut self.last_shop);
        let (tier, tier_code) = fields.tier(record, self.context.stores.get(store))?;
        let unmapped_code = tier_code.as_deref().filter(|_| tier == Tier::Unmapped);
        counts.unmapped_tier += u64::from(tier == Tier::Unmapped);
        let is_unknown = counts.bad_territory != 0;
        let country = if is_unknown { fields.text(FormatField::Territory, record)? } else { None };
        let unknown_shop = shop.as_deref().filter(|_| !self.last_shop.is_known);
        let mut unknown = UnknownTexts::new();
        unknown.extend(unmapped_code.map(|code| (UnmappedField::Tier, code.to_owned())));
        unknown.extend(unknown_shop.map(|shop| (UnmappedField::Shop, shop.to_owned())));
        unknown.extend(country.map(|name| (UnmappedField::Territory, name.into_owned())));
        let builder = &mut self.builder;
        let mut id = |text: Option<&str>| text.map(|text| builder.text(text));
        let sale = SaleRow {
            row: record.row,
            usage_from: usage.first,
            usage_to: usage.last,
            statement_period: statement.map(DateSpan::first_month),
            reported: reported.map(|span| span.first),
            isrc: track.isrc,
            upc: track.upc,
            store_track: id(track.store_track.as_deref()),
            territory,
            tier,
            tier_code: id(tier_code.as_deref()),
            use_type: id(Some(use_type.as_deref().unwrap_or("stream"))).unwrap_or_default(),
            offline,
            units,
            amount,
            amount_text: id(amount_text.as_deref()),
            currency,
            royalty_bearing,
            line_type,
            pool: id(pool.as_deref()),
            shop: id(shop.as_deref()),
            grid: id(grid.as_ref().map(Grid::as_str)),
            id_text: id(id_text.as_deref()),
        };
        Ok((store, sale, unknown))
    }

    /// First and last day of use.
    fn usage(&self, record: &TableRecord<'_>) -> Result<DateSpan, RowRejection> {
        let fields = &self.fields;
        let from = fields.date(FormatField::UsageFrom, record)?;
        let from = from.ok_or_else(|| fields.missing(FormatField::UsageFrom))?;
        let last = fields.date(FormatField::UsageTo, record)?.map_or(from.last, |span| span.last);
        let latest = from.first.after(USAGE_DAYS_MAX.unsigned_abs());
        if last < from.first || latest < last {
            let expected = format!("from {} to {latest}", from.first);
            let rejection = RejectCode::OutOfRange;
            return Err(fields.rejection(
                FormatField::UsageTo,
                rejection,
                &expected,
                &last.to_string(),
            ));
        }
        Ok(DateSpan { first: from.first, last })
    }

    /// The `GRid`, or the text that is none.
    fn grid(
        &self,
        record: &TableRecord<'_>,
    ) -> Result<(Option<Grid>, Option<String>), RowRejection> {
        let text = self.fields.text(FormatField::Grid, record)?;
        let grid = text.as_deref().and_then(Grid::parse);
        let bad_text = text.filter(|_| grid.is_none());
        Ok((grid, bad_text.map(|text| text.to_string())))
    }

    /// The currency, without which there is no amount.
    fn currency(
        &self,
        record: &TableRecord<'_>,
        amount: Option<Amount>,
    ) -> Result<Option<Currency>, RowRejection> {
        let Some(text) = self.fields.text(FormatField::Currency, record)? else {
            return if amount.is_none() {
                Ok(None)
            } else {
                Err(self.fields.missing(FormatField::Currency))
            };
        };
        let currency = Currency::parse(&text);
        currency.map(Some).ok_or_else(|| {
            self.fields.rejection(
                FormatField::Currency,
                RejectCode::BadCurrency,
                "a code of ISO 4217",
                &text,
            )
        })
    }

    fn line_type(&self, record: &TableRecord<'_>) -> Result<LineType, RowRejection> {
        let Some(text) = self.fields.text(FormatField::LineType, record)? else {
            return Ok(LineType::Sale);
        };
        let known = LineType::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| {
            let expected = "a code that the format knows";
            self.fields.rejection(FormatField::LineType, RejectCode::UnknownCode, expected, &text)
        })
    }
}

/// Units, which every row needs.
fn units(fields: &TableFields<'_>, record: &TableRecord<'_>) -> Result<i64, RowRejection> {
    let units = fields.whole(FormatField::Units, record)?;
    units.ok_or_else(|| fields.missing(FormatField::Units))
}

/// The amount, and its text where 12 decimals do not hold it.
fn amount(
    fields: &TableFields<'_>,
    record: &TableRecord<'_>,
) -> Result<(Option<Amount>, Option<String>), RowRejection> {
    if let Some(amount) = fields.short_amount(FormatField::Amount, record) {
        return Ok((Some(amount), None));
    }
    let Some(text) = fields.decimal(FormatField::Amount, record)? else {
        return Ok((None, None));
    };
    let Some(read) = Amount::parse(&text) else {
        let expected = "an amount below 10^20";
        return Err(fields.rejection(FormatField::Amount, RejectCode::BadNumber, expected, &text));
    };
    Ok((Some(read.amount), (!read.is_exact).then_some(text)))
}

/// Identifiers that are none, as they are written; `None` if there are none of them.
pub(crate) fn wrong_ids(
    isrc: Option<&str>,
    upc: Option<&str>,
    grid: Option<&str>,
) -> Option<String> {
    let named = [("isrc", isrc), ("upc", upc), ("grid", grid)];
    let texts: Vec<String> =
        named.into_iter().filter_map(|(name, text)| Some(format!("{name}={}", text?))).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

impl<'a> SalesContext<'a> {
    /// The store of a row: the one whose settings have the shop's name, else that of the folder.
    fn store_of(&self, shop: Option<&str>, last: &mut LastShop<'a>) -> &'a str {
        let Some(shop) = shop else {
            return self.store;
        };
        if last.name != shop {
            let named = |(_, settings): &(&'a String, &'a StoreSettings)| {
                settings.shops.iter().any(|name| name.eq_ignore_ascii_case(shop))
            };
            let known = self.stores.iter().find(named).map(|(name, _)| name.as_str());
            *last = LastShop {
                name: shop.to_owned(),
                store: known.unwrap_or(self.store),
                is_known: known.is_some(),
            };
        }
        last.store
    }
}

/// The shop of the row before: most rows are of the same one.
#[derive(Debug)]
struct LastShop<'a> {
    name: String,
    /// The store that it stands for.
    store: &'a str,
    /// Whether a store file has its name.
    is_known: bool,
}
