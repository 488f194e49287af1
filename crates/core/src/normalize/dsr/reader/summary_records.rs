//! Summary records: what they say of all lines that name them, and the pools that they are.

use super::{DsrReader, SUMMARIES_MAX};
use crate::ingest::dsr::RecordCells;
use crate::ingest::dsr::records::{SUMMARY_ID, SummaryCells};
use crate::model::sale::RevenuePool;
use crate::model::territory::Territory;
use crate::normalize::dsr::cells::{
    missing, optional_whole, pool_money, snake_case, territory_of, text_of,
};
use crate::normalize::dsr::summary::{DsrSummary, unreadable_total};
use crate::normalize::table::fields::RowRejection;

impl DsrReader<'_> {
    pub(super) fn take_summary(
        &mut self,
        cells: &RecordCells<'_>,
        places: &SummaryCells,
    ) -> Result<(), RowRejection> {
        // Each file of a report holds all its summary records; the pools are those of the first.
        let is_first_file = self.head.file_number.is_none_or(|number| number == 1);
        let id = text_of(cells.get(SUMMARY_ID)).ok_or_else(|| missing("SummaryRecordId"))?;
        let usages = optional_whole("Usages", cells.get(places.usages))
            .inspect_err(|_| self.note_unreadable_total(&id, cells, places))?;
        let subscribers = match places.subscribers {
            Some(place) => optional_whole("Subscribers", cells.get(place))?,
            None => None,
        };
        let (amount, currency) = pool_money(cells, places)?;
        let (territory, is_bad_territory) =
            territory_of(self.territories, cells.get(places.territory));
        let model = text_of(cells.get(places.model));
        let subscriber_type = places.subscriber_type.and_then(|place| text_of(cells.get(place)));
        let use_type = text_of(cells.get(places.use_type)).map(|text| snake_case(&text));
        let (tier, tier_code) = self.tier(model.as_deref(), subscriber_type.as_deref());
        let summary = DsrSummary {
            territory,
            unknown_territory: text_of(cells.get(places.territory)).filter(|_| is_bad_territory),
            tier,
            tier_code,
            use_type: use_type.clone(),
            currency,
            usages: usages.into_iter().collect(),
            is_ambiguous: false,
            is_of_report: places.is_of_report,
            units: 0,
            n_lost: 0,
        };
        if let Some((from, _)) = self.head.usage.filter(|_| is_first_file) {
            let builder = &mut self.builder;
            let mut text_id = |text: Option<&str>| text.map(|text| builder.text(text));
            let pool = RevenuePool {
                row: self.row,
                usage_from: from,
                pool: text_id(Some(&id)).unwrap_or_default(),
                territory,
                model: text_id(model.as_deref()),
                use_type: text_id(use_type.as_deref()),
                units: usages,
                subscribers,
                amount: amount.map(|(amount, _)| amount),
                currency,
            };
            builder.push_pool(&self.store.store, pool);
        } else if is_first_file {
            return Err(missing("UsageStartDate"));
        }
        self.reading.about.note_territory(territory.map_or(0, Territory::packed));
        self.note_summary(id, summary);
        Ok(())
    }

    /// A total that nobody can read cannot be checked: the report is rejected for it.
    fn note_unreadable_total(&mut self, id: &str, cells: &RecordCells<'_>, places: &SummaryCells) {
        if places.is_of_report && self.unreadable_totals.is_empty() {
            self.unreadable_totals.push(unreadable_total(id, cells.get(places.usages)));
        }
    }

    fn note_summary(&mut self, id: String, new: DsrSummary) {
        self.known.forget_terms();
        if let Some(known) = self.summaries.get_mut(&id) {
            known.join(&new);
        } else if self.summaries.len() < SUMMARIES_MAX {
            self.summaries.insert(id, new);
        }
    }
}
