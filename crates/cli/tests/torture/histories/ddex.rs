//! DDEX reports of usage, in one file or in two.

use crate::histories::originals::{Row, isrc};

/// Which file of how many.
pub(crate) type Part = (usize, usize);

/// When the message was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    First,
    /// Three days later: it corrects the first one.
    Later,
}

impl Made {
    fn day(self) -> u32 {
        match self {
            Self::First => 2,
            Self::Later => 5,
        }
    }
}

/// The name of a file, without folders.
pub(crate) fn name((number, of): Part, made: Made) -> String {
    let day = made.day();
    format!("DSR_PADPIDA2_PADPIDA1_Premium_2026-09_DE_{number}of{of}_202610{day:02}T100000.tsv")
}

/// A file with these rows of a message that has so many usages in all of its files; `remark` is a line
/// that means nothing.
pub(crate) fn file(
    rows: &[Row],
    usages: i64,
    (number, of): Part,
    made: Made,
    remark: Option<&str>,
) -> String {
    let day = made.day();
    let mut lines = vec![format!(
        "HEAD\tdsrf/1\tBasicAudioProfile\t1.3\tM{day}\t2026-10-{day:02}T10:00:00Z\t{number}\t{of}\t\
         2026-09-01\t2026-09-30\tPADPIDA1\tStore\tPremium\tPADPIDA2\tUs"
    )];
    lines.extend(remark.map(|remark| format!("#{remark}")));
    lines.push(format!(
        "SY01\tS1\t\t\tSubscriptionModel\tStream\tDE\tPremium\t{usages}\t9\tEUR\t12.5"
    ));
    for row in rows {
        let (block, isrc) = (row.recording, isrc(row.recording));
        lines.push(format!("AS01\t{block}\tA{block}\ttrk\t{isrc}\tt\t\ta\t\tPT3M\tSoundRecording"));
        lines.push(format!("SU02\t{block}\tS1\tX\t\tA{block}\ttrue\t{}", row.number));
    }
    let (n_lines, n_blocks) = (lines.len() + 1, rows.len());
    lines.push(format!("FOOT\t{n_lines}\t\t1\t{n_blocks}\t"));
    lines.join("\n") + "\n"
}
