//! Invented names of artists, tracks and albums: syllables and word lists, no real people.
//!
//! Letters beyond ASCII are frequent on purpose: a reader of reports has to survive them. No name
//! holds a tab, a line end or a quote.

use super::chance::RandomSource;

const FIRST_SYLLABLES: &[&str] = &[
    "Ka", "Lo", "Mi", "Ve", "Sø", "Tha", "Ru", "Ny", "Ö", "Bel", "Dja", "É", "Fen", "Gri", "Ha",
    "Is", "Jun", "Kry", "Lü", "Mor", "No", "Or", "Pe", "Qua", "Ri", "Sha", "Ti", "Um", "Vi", "Wo",
    "Ya", "Zé", "Žel", "Åm",
];
const NEXT_SYLLABLES: &[&str] = &[
    "ra", "lin", "mo", "né", "sta", "vík", "do", "ri", "ella", "ko", "thu", "zan", "bré", "na",
    "lio", "mar", "sen", "ña", "dor", "wyn", "lé", "xi", "phe", "ton", "ssa", "jü",
];
const QUALITIES: &[&str] = &[
    "Velvet", "Paper", "Hollow", "Golden", "Silent", "Electric", "Broken", "Distant", "Crimson",
    "Frozen", "Little", "Wild", "Neon", "Salt", "Northern", "Slow", "Lunar", "Tender", "Été",
    "Früher", "Última", "Midnight", "Plastic", "Honest", "Faded", "Blue", "Restless", "Amber",
];
const THINGS: &[&str] = &[
    "Harbour",
    "Fox",
    "River",
    "Mirror",
    "Engine",
    "Garden",
    "Signal",
    "Ocean",
    "Letter",
    "Tiger",
    "Window",
    "Summer",
    "Shadow",
    "Corazón",
    "Mañana",
    "Lumière",
    "Straße",
    "Żagiel",
    "Ember",
    "Orchard",
    "Satellite",
    "Avenue",
    "Storm",
    "Lantern",
    "Winter",
    "Island",
    "Echo",
    "Parade",
    "Machine",
    "Canyon",
    "Feather",
    "Glass",
    "Weekend",
    "夜",
    "Мост",
    "Ledge",
];
const OPENINGS: &[&str] = &[
    "Call Me",
    "Back to",
    "Leave the",
    "Under the",
    "Running from",
    "Song for the",
    "Before the",
    "Sin",
    "Dans la",
    "Waiting for",
    "Nothing but",
    "After the",
];
const VERSIONS: &[&str] =
    &[" - Radio Edit", " - Remix", " (Live)", " - Acoustic", " - Sped Up", " (Déjà Vu Mix)"];

/// The name of an artist or a band.
pub(super) fn artist(chance: &mut RandomSource) -> String {
    match chance.below(10) {
        0..=2 => word(chance),
        3..=6 => format!("{} {}", word(chance), word(chance)),
        7 => format!("The {} {}s", chance.pick(QUALITIES), chance.pick(THINGS)),
        8 => format!("{} {}", chance.pick(QUALITIES), word(chance)),
        _ => format!("DJ {}", word(chance)),
    }
}

/// The title of a track.
pub(super) fn title(chance: &mut RandomSource) -> String {
    let mut title = album(chance);
    if chance.hit(800) {
        title.push_str(chance.pick(VERSIONS));
    }
    title
}

/// The title of an album.
pub(super) fn album(chance: &mut RandomSource) -> String {
    match chance.below(10) {
        0..=1 => chance.pick(THINGS).to_owned(),
        2..=5 => format!("{} {}", chance.pick(QUALITIES), chance.pick(THINGS)),
        6..=7 => format!("{} {}", chance.pick(OPENINGS), chance.pick(THINGS)),
        8 => format!("{} & {}", chance.pick(THINGS), chance.pick(THINGS)),
        _ => format!("{} {}", word(chance), chance.pick(THINGS)),
    }
}

/// One invented word of two or three syllables.
fn word(chance: &mut RandomSource) -> String {
    let mut word = chance.pick(FIRST_SYLLABLES).to_owned();
    word.push_str(chance.pick(NEXT_SYLLABLES));
    if chance.hit(4_000) {
        word.push_str(chance.pick(NEXT_SYLLABLES));
    }
    word
}
