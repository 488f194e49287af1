//! The plays behind a step of the waterfall, so that an exclusion can be checked and appealed.

use std::collections::BTreeMap;

use anyhow::{anyhow, ensure};
use streamledger_core::explain::step::WaterfallStep;
use streamledger_core::filter::low_variety::VarietySign;
use streamledger_query::explain::{PublishedTables, WaterfallQuestion};

use crate::print::output::{OutputSheet, grouped};

/// What gave a listener's day away.
fn sign_in_words(sign: VarietySign) -> String {
    match sign {
        VarietySign::FewPlayedTimes(1) => "1 played time".to_owned(),
        VarietySign::FewPlayedTimes(n) => format!("{n} different played times"),
        VarietySign::ShortPlays(ms) => format!("no play longer than {} ms", grouped(ms.into())),
        VarietySign::LengthPerTrack(n) => format!("{n} tracks, each with a played time of its own"),
    }
}

/// The plays as a table: report, row, when, where, what was measured and the bound.
pub(crate) fn sheet(
    published: &PublishedTables,
    question: &WaterfallQuestion,
    step: &str,
) -> anyhow::Result<OutputSheet> {
    let known = WaterfallStep::of_name(step).ok_or_else(|| {
        let names: Vec<String> = WaterfallStep::all().iter().map(|step| step.name()).collect();
        anyhow!("`{step}` is no step; the steps are {}", names.join(", "))
    })?;
    let plays = published.plays_behind(question, known)?;
    let Some(plays) = plays else {
        return Err(anyhow!(
            "there are no single plays behind `{step}`: only `reported`, `counted` and the steps of the \
             rules between them rest on plays"
        ));
    };
    ensure!(!plays.is_empty(), "no play of {} is behind `{step}`", question.month);
    let files: BTreeMap<&str, &str> =
        published.manifest.reports.values().map(|report| (report.name(), report.file())).collect();
    let columns = [
        "store",
        "date",
        "file",
        "#row",
        "listened at",
        "isrc",
        "territory",
        "#played ms",
        "#plays",
        "verdict",
        "reason",
        "#measured",
        "#threshold",
        "sign",
    ];
    let mut sheet = OutputSheet::named("plays", &format!("Plays behind `{step}`"), &columns);
    let number = |value: Option<i64>| value.map_or_else(String::new, |n| grouped(n.into()));
    for play in plays {
        let file = files.get(play.report.as_str()).copied().unwrap_or(&play.report);
        sheet.push(vec![
            play.store,
            play.date,
            file.to_owned(),
            play.row.to_string(),
            play.listened_at.unwrap_or_default(),
            play.isrc.unwrap_or_default(),
            play.territory.unwrap_or_default(),
            number(play.played_ms),
            number(Some(play.plays)),
            play.verdict,
            play.reason.unwrap_or_default(),
            number(play.measured),
            number(play.threshold),
            play.sign.map(sign_in_words).unwrap_or_default(),
        ]);
    }
    Ok(sheet)
}
