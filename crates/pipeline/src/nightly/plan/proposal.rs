//! A proposal: edited settings that nobody has accepted. Tables are judged by the accepted settings.
//!
//! Files of the proposal name the accepted settings in their footers. So a file that differs from the
//! published one differs in its rows, and a proposal without such a file changes no published figure.

use streamledger_core::decisions::settings::SettingsEdit;
use streamledger_storage::layout::decisions::{DecisionAuthor, DecisionError, unwritable};
use streamledger_storage::tables::compare::FigureChanges;

use crate::nightly::plan::ruling::{SettingsRuling, short};

/// What a run decides about the settings before it judges by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsRequest {
    /// Nothing: it judges by what is accepted.
    AsAccepted,
    /// It accepts the proposal whose hash begins so.
    Accept {
        /// The first digits of the hash, at least eight.
        hash: String,
        /// Who decides, and why.
        author: DecisionAuthor,
    },
}

/// Numbers that are not accepted, and what they would change.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Hash of the proposed numbers, 64 hex digits.
    pub hash: String,
    /// Hash of the accepted ones.
    pub accepted: String,
    /// The numbers that differ.
    pub edits: Vec<SettingsEdit>,
    /// What it would change.
    pub effect: ProposalEffect,
}

/// What a proposal would change of what is published.
#[derive(Debug, Clone)]
pub enum ProposalEffect {
    /// Figures before and after; none if it changes nothing.
    Computed(FigureChanges),
    /// It was not computed: nothing is, in a dry run.
    NotComputed,
    /// It could not be computed; the tables are published all the same.
    Failed(String),
}

impl Proposal {
    /// The proposal of a run; its effect is not computed.
    pub(crate) fn foreseen(ruling: &SettingsRuling) -> Result<Option<Self>, DecisionError> {
        let (Some((numbers, hash)), Some(base)) = (&ruling.proposed, ruling.in_force.base()) else {
            return Ok(None);
        };
        let edits = base.edits(numbers).map_err(unwritable)?;
        Ok(Some(Self {
            hash: hash.clone(),
            accepted: ruling.in_force.base_hash().to_owned(),
            edits,
            effect: ProposalEffect::NotComputed,
        }))
    }

    /// Whether no published figure would change.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        matches!(&self.effect, ProposalEffect::Computed(changes) if changes.is_empty())
    }

    /// The hash as a command takes it.
    #[must_use]
    pub fn short_hash(&self) -> &str {
        short(&self.hash)
    }
}
