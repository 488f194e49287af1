//! Edits of settings that a history makes and takes back.

use std::collections::BTreeSet;

use crate::case::Case;
use crate::sample::Chance;

/// Shortest play of Spotify that counts, milliseconds: as shipped, and edited.
pub(crate) const PLAYED_MS: [i64; 2] = [30_000, 60_000];

/// Place of that edit.
const SHORTEST: usize = 0;

/// A file, a text of it, and the text that an edit puts in its place.
const EDITS: [(&str, &str, &str); 9] = [
    ("stores/spotify.toml", "played_ms = 30_000", "played_ms = 60_000"),
    ("stores/spotify.toml", "shops = [\"Spotify\", ", "shops = ["),
    ("stores/spotify.toml", "plays_min = 1_000", "plays_min = 20"),
    ("policies/default.toml", "days_max = 30", "days_max = 6"),
    ("policies/default.toml", "[repeater]\naction = \"hold\"", "[repeater]\naction = \"exclude\""),
    ("formats/meta-trends.toml", "use_type = \"ugc_stream\"", "use_type = \"stream\""),
    ("calendar.toml", "due_after = { days = 5 }", "due_after = { days = 9 }"),
    ("nightly.toml", "\"*.bak\", ", "\"*.old\", "),
    ("nightly.toml", "UK = \"GB\"", "QZ = \"GB\""),
];

/// Which edits are made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edited(BTreeSet<usize>);

impl Edited {
    /// Makes an edit in the folder, or takes it back; what was done.
    pub(crate) fn toggle(&mut self, chance: &mut Chance, case: &Case) -> String {
        let n_edits = u64::try_from(EDITS.len()).unwrap_or_default();
        let place = usize::try_from(chance.within(0..n_edits)).unwrap_or_default();
        let (file, shipped, edited) = EDITS[place];
        let (from, to) = if self.0.remove(&place) { (edited, shipped) } else { (shipped, edited) };
        if from == shipped {
            self.0.insert(place);
        }
        case.replace(&format!("pipelines/{file}"), from, to);
        format!("edit {file}: {to}")
    }

    /// Shortest play that counts once the edits are accepted, milliseconds.
    pub(crate) fn played_ms(&self) -> i64 {
        PLAYED_MS[usize::from(self.0.contains(&SHORTEST))]
    }
}
