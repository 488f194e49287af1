//! The store's own numbers as somebody copied them: `explain --against FILE`. The question is then about
//! the recordings in the file: what nobody has copied is not known, and no zero.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use streamledger_core::model::isrc::Isrc;
use streamledger_core::numbers::exact;
use streamledger_query::explain::WaterfallQuestion;

use crate::print::output::grouped;
use crate::print::words::counted;

/// What a file says of the recordings of a question.
pub(crate) struct CopiedFigures {
    /// The sum of its numbers.
    pub(crate) shown: i64,
    /// What is to be known of it.
    pub(crate) note: Option<String>,
}

/// Reads a file and restricts the question to its recordings.
pub(crate) fn copied(
    file: &Path,
    question: &mut WaterfallQuestion,
) -> anyhow::Result<CopiedFigures> {
    let numbers = read(file)?;
    let is_asked = |isrc: &String| question.isrcs.as_ref().is_none_or(|isrcs| isrcs.contains(isrc));
    let asked: BTreeMap<&String, i64> =
        numbers.iter().filter(|(isrc, _)| is_asked(isrc)).map(|(isrc, n)| (isrc, *n)).collect();
    let name = file.display();
    ensure!(!asked.is_empty(), "{name} has no number of the recordings that were asked for");
    let shown = asked.values().sum();
    let n_others = question.isrcs.as_ref().map(|isrcs| isrcs.len() - asked.len());
    let of_file = counted(exact::<i128>(asked.len()), "recording");
    let note = match n_others {
        Some(0) => None,
        Some(n) => {
            let n = grouped(exact::<i128>(n));
            Some(format!("Only the {of_file} of {name}; {n} more have no number in it."))
        }
        None => Some(format!("Only the {of_file} of {name}.")),
    };
    question.isrcs = Some(asked.into_keys().cloned().collect::<BTreeSet<String>>());
    Ok(CopiedFigures { shown, note })
}

/// Numbers by ISRC; several rows of one are added up.
fn read(file: &Path) -> anyhow::Result<BTreeMap<String, i64>> {
    let name = file.display();
    let mut reader = csv::Reader::from_path(file).with_context(|| format!("cannot read {name}"))?;
    let header = reader.headers().with_context(|| format!("cannot read {name}"))?.clone();
    let place = |column: &str| {
        let found = header.iter().position(|known| known.trim().eq_ignore_ascii_case(column));
        found.ok_or_else(|| anyhow!("{name}: the header needs the columns `isrc` and `plays`"))
    };
    let (isrc_place, plays_place) = (place("isrc")?, place("plays")?);
    let mut numbers = BTreeMap::new();
    for (row, record) in reader.records().enumerate() {
        let record = record.with_context(|| format!("{name}: cannot read row {}", row + 1))?;
        let cell = |place: usize| record.get(place).unwrap_or_default().trim().to_owned();
        let isrc = Isrc::parse(cell(isrc_place).as_bytes());
        let isrc = isrc.ok_or_else(|| {
            anyhow!("{name}, row {}, column isrc: `{}` is no ISRC", row + 1, cell(isrc_place))
        })?;
        let isrc: String = isrc.to_text().iter().copied().map(char::from).collect();
        let plays: i64 = cell(plays_place).replace(',', "").parse().map_err(|_| {
            let found = cell(plays_place);
            anyhow!("{name}, row {}, column plays: `{found}` is no whole number", row + 1)
        })?;
        *numbers.entry(isrc).or_insert(0) += plays;
    }
    Ok(numbers)
}
