//! What people and programs read: tables, JSON, CSV, progress, and the words for states and steps.

pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod words;
pub(crate) mod state_words;
pub(crate) mod step_words;
pub(crate) mod changes;
pub(crate) mod decisions;
