//! Which settings judge a run: those that were accepted. What the pipeline says otherwise is a proposal.
//!
//! Two things are decided without a person, since they change no published figure: the first settings of
//! a warehouse, and the numbers of a store that was not there before. They become decisions when there is
//! something to publish.

use std::path::Path;

use streamledger_core::decisions::settings::{
    DecidedMonths, JudgingNumbers, MonthSpan, SettingsInForce,
};
use streamledger_storage::layout::decisions::{
    BY_PROGRAM, DecisionAuthor, DecisionError, DecisionLog, unwritable,
};
use streamledger_storage::layout::ledger::Manifest;
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;

use crate::intake::config::PipelineSettings;
use crate::judging::JudgingSettings;
use crate::nightly::options::BackfillOptions;
use crate::nightly::options::NightlyOptions;

/// Digits of a hash in a command that is printed.
const SHORT: usize = 12;

/// Fewest digits that name a proposal.
const PREFIX_MIN: usize = 8;

/// The settings of a run, and what is left to write down of them.
#[derive(Debug)]
pub(crate) struct SettingsRuling {
    decisions: DecisionLog,
    pub(crate) in_force: SettingsInForce,
    /// What the pipeline proposes instead, and its hash; `None` if it says what is accepted.
    pub(crate) proposed: Option<(JudgingNumbers, String)>,
    pending: Vec<(DecidedMonths, JudgingNumbers, &'static str)>,
}

impl SettingsRuling {
    /// Reads the decisions and settles by them what judges.
    pub(crate) fn read(
        settings: &PipelineSettings,
        options: &NightlyOptions,
        places: &WarehouseLayout,
        published: &Manifest,
    ) -> Result<Self, DecisionError> {
        let own = places.internal("decisions");
        let decisions = DecisionLog::read(options.decisions.as_ref().unwrap_or(&own))?;
        if options.inbox != Path::new("") {
            decisions.require_outside(&options.inbox)?;
        }
        decisions.require(&published.decisions)?;
        Self::settle(settings.numbers(), decisions)
    }

    fn settle(pipeline: JudgingNumbers, decisions: DecisionLog) -> Result<Self, DecisionError> {
        let Some(accepted) = decisions.settings()? else {
            let in_force = SettingsInForce::for_all(&pipeline).map_err(unwritable)?;
            let pending = vec![(DecidedMonths::All, pipeline, "first settings of the warehouse")];
            return Ok(Self { decisions, in_force, proposed: None, pending });
        };
        let (mut in_force, mut pending) = (accepted, Vec::new());
        let base = in_force.base().unwrap_or(&pipeline).clone();
        let (with_new, new) = base.with_new_of(&pipeline);
        if !new.is_empty() {
            let whole = |store| MonthSpan { store: Some(store), from: None, to: None };
            let months = DecidedMonths::Spans(new.into_iter().map(whole).collect());
            in_force = in_force.with(&months, &with_new).map_err(unwritable)?;
            let why = "a store that is new changes no published figure";
            pending.push((months, with_new.clone(), why));
        }
        let proposed = pipeline.with_absent_of(&with_new);
        let hash = proposed.hash().map_err(unwritable)?;
        let is_other = hash != in_force.base_hash();
        let proposed = is_other.then_some((proposed, hash));
        Ok(Self { decisions, in_force, proposed, pending })
    }

    /// By what the run judges.
    pub(crate) fn judging(&self, settings: &PipelineSettings) -> JudgingSettings {
        JudgingSettings::new(settings, self.in_force.clone(), self.decisions.accepted())
    }

    /// Names of the decisions that the run is made with.
    pub(crate) fn names(&self) -> std::collections::BTreeSet<String> {
        self.decisions.names()
    }

    /// Writes down what was decided without a person.
    pub(crate) fn write_pending(&mut self) -> Result<(), DecisionError> {
        for (months, numbers, why) in std::mem::take(&mut self.pending) {
            self.decisions.settle(months, numbers, &by_program(why))?;
        }
        Ok(())
    }

    /// Accepts the proposal, for all months. A hash that is accepted already is no error: the run may
    /// have been interrupted after it was.
    pub(crate) fn accept(
        &mut self,
        hash: &str,
        author: &DecisionAuthor,
    ) -> Result<(), DecisionError> {
        let is_named = |of: &str| PREFIX_MIN <= hash.len() && of.starts_with(hash);
        match self.proposed.take() {
            Some((numbers, own)) if is_named(&own) => {
                self.in_force = SettingsInForce::for_all(&numbers).map_err(unwritable)?;
                // They are among the numbers that are accepted now.
                self.pending.clear();
                self.decisions.settle(DecidedMonths::All, numbers, author)?;
                Ok(())
            }
            None if is_named(self.in_force.base_hash()) => {
                tracing::info!(hash, "these settings are accepted already");
                Ok(())
            }
            proposed => Err(self.not_accepted(hash, proposed.as_ref().map(|(_, own)| own))),
        }
    }

    fn not_accepted(&self, hash: &str, proposed: Option<&String>) -> DecisionError {
        let is = match proposed {
            Some(own) => format!(
                "the settings of the pipeline are {}; `streamledger nightly` without the option \
                 prints what they would change",
                short(own)
            ),
            None => format!(
                "the pipeline proposes nothing: its settings are the accepted ones, {}",
                short(self.in_force.base_hash())
            ),
        };
        let message = format!(
            "there is no proposal {hash}: {is}; a proposal is named by at least {PREFIX_MIN} digits of \
             its hash"
        );
        DecisionError::Undecidable { message }
    }

    /// Judges the months of a backfill by its policy from now on. What is left to write down: the
    /// numbers and their months; `None` if that was decided before, or nothing is to be.
    pub(crate) fn judge_months(
        &mut self,
        backfill: &BackfillOptions,
    ) -> Result<Option<(DecidedMonths, JudgingNumbers)>, DecisionError> {
        let base = self.in_force.base();
        let Some((base, (policy, _))) = base.zip(backfill.policy.as_ref()) else {
            return Ok(None);
        };
        let numbers = JudgingNumbers { policy: policy.clone(), ..base.clone() };
        let [from, to] = [&backfill.from, &backfill.to].map(|month| Some(month.clone()));
        let span = MonthSpan { store: backfill.store.clone(), from, to };
        if self.in_force.have(&span, &numbers.hash().map_err(unwritable)?) {
            return Ok(None);
        }
        let months = DecidedMonths::Spans(vec![span]);
        let in_force = std::mem::take(&mut self.in_force);
        self.in_force = in_force.with(&months, &numbers).map_err(unwritable)?;
        Ok(Some((months, numbers)))
    }

    /// Writes down settings for some months.
    pub(crate) fn write(
        &mut self,
        months: DecidedMonths,
        numbers: JudgingNumbers,
        author: &DecisionAuthor,
    ) -> Result<(), DecisionError> {
        self.write_pending()?;
        self.decisions.settle(months, numbers, author)?;
        Ok(())
    }
}

/// Decided by the program.
pub(crate) fn by_program(why: &str) -> DecisionAuthor {
    DecisionAuthor { by: BY_PROGRAM.to_owned(), reason: why.to_owned() }
}

/// A hash as it is printed.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..SHORT).unwrap_or(hash)
}
