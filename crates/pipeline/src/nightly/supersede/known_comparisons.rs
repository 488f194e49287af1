//! What is known of the rows that reports have in common, and how it is kept next to the archive. It depends
//! on the reports and their reading alone; what is lost of it is found again, to the same numbers.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::supersede::facts::SharedRows;
use streamledger_storage::layout::ledger::fingerprint;

/// Whether the rows of a list were looked up in all others of its store, feed and months.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListLookup {
    /// They were: a pair that is not known shares none.
    Done,
    /// There are too many to look up: it may share rows with any.
    TooMany,
}

/// What is known of a pair of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownPair {
    /// Somebody has counted what they share.
    Counted(SharedRows),
    /// They may share rows, and nobody has counted them.
    Uncounted,
}

/// What is known, by the names of lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownComparisons {
    /// By pairs, the smaller name first.
    pub(crate) pairs: BTreeMap<(String, String), KnownPair>,
    pub(crate) lists: BTreeMap<String, ListLookup>,
}

impl KnownComparisons {
    /// What was kept; nothing where that is damaged.
    pub(crate) fn parse(text: &str) -> Self {
        let mut known = Self::default();
        let Some((sum, lines)) = text.split_once('\n') else {
            return known;
        };
        if sum != fingerprint(&[lines]) {
            return known;
        }
        for line in lines.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["list", name, how] => {
                    let lookup = if how == "done" { ListLookup::Done } else { ListLookup::TooMany };
                    known.lists.insert(name.to_owned(), lookup);
                }
                [a, b, ref shared @ ..] => {
                    let pair = (a.to_owned(), b.to_owned());
                    known.pairs.extend(shared_of(shared).map(|shared| (pair, shared)));
                }
                _ => {}
            }
        }
        known
    }

    /// What there is to keep of lists that there still are.
    pub(crate) fn to_text(&self, names: &BTreeSet<String>) -> String {
        let is_there = |name: &String| names.contains(name.trim_end_matches(".keys"));
        let lists = self.lists.iter().filter(|(name, _)| is_there(name)).map(|(name, lookup)| {
            let how = if *lookup == ListLookup::Done { "done" } else { "too_many" };
            format!("list {name} {how}\n")
        });
        let pairs = self.pairs.iter().filter(|((a, b), shared)| {
            let says_nothing = **shared == NO_ROWS && self.are_looked_up(a, b);
            is_there(a) && is_there(b) && !says_nothing
        });
        let pairs = pairs.map(|((a, b), shared)| format!("{a} {b} {}\n", words_of(*shared)));
        let text: String = lists.chain(pairs).collect();
        format!("{}\n{text}", fingerprint(&[&text]))
    }

    /// Whether two lists share no row, unless the pair is known.
    pub(crate) fn are_looked_up(&self, a: &str, b: &str) -> bool {
        [a, b].iter().all(|name| self.lists.get(*name) == Some(&ListLookup::Done))
    }
}

/// They share no row.
pub(crate) const NO_ROWS: KnownPair = KnownPair::Counted(SharedRows::Rows(0));

/// Both names, the smaller one first.
pub(crate) fn pair_of(a: String, b: String) -> (String, String) {
    if a <= b { (a, b) } else { (b, a) }
}

fn shared_of(words: &[&str]) -> Option<KnownPair> {
    let number = |word: &str| word.parse::<u64>().ok();
    Some(KnownPair::Counted(match *words {
        [rows, "rows"] => SharedRows::Rows(number(rows)?),
        [plays, "plays"] => SharedRows::Plays(number(plays)?),
        [keys, "keys", of] => SharedRows::Keys(number(keys)?, number(of)?),
        ["0", "unknown"] => SharedRows::Unknown,
        ["0", "uncounted"] => return Some(KnownPair::Uncounted),
        _ => return None,
    }))
}

fn words_of(pair: KnownPair) -> String {
    match pair {
        KnownPair::Counted(SharedRows::Rows(rows)) => format!("{rows} rows"),
        KnownPair::Counted(SharedRows::Plays(plays)) => format!("{plays} plays"),
        KnownPair::Counted(SharedRows::Keys(keys, of)) => format!("{keys} keys {of}"),
        KnownPair::Counted(SharedRows::Unknown) => "0 unknown".to_owned(),
        KnownPair::Uncounted => "0 uncounted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> KnownComparisons {
        let shared = [
            ("a", "b", KnownPair::Counted(SharedRows::Rows(12))),
            ("a", "c", KnownPair::Counted(SharedRows::Plays(0))),
            ("a.keys", "b.keys", KnownPair::Counted(SharedRows::Keys(3, 4))),
            ("b", "c", KnownPair::Counted(SharedRows::Unknown)),
            ("b", "d", KnownPair::Uncounted),
            ("c", "d", NO_ROWS),
        ];
        let pairs = shared.map(|(a, b, shared)| ((a.to_owned(), b.to_owned()), shared));
        let lists = [("a", ListLookup::Done), ("c", ListLookup::Done), ("d", ListLookup::TooMany)];
        KnownComparisons {
            pairs: pairs.into(),
            lists: lists.map(|(name, lookup)| (name.to_owned(), lookup)).into(),
        }
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let names = ["a", "b", "c", "d"].map(str::to_owned).into();
        assert_eq!(KnownComparisons::parse(&some().to_text(&names)), some());
    }

    #[test]
    fn what_says_nothing_and_what_is_of_reports_that_are_gone_is_not_kept() {
        let mut known = some();
        known.pairs.insert(("a".to_owned(), "c".to_owned()), NO_ROWS);
        assert!(known.are_looked_up("a", "c") && !known.are_looked_up("c", "d"));
        let names = ["a", "b", "c"].map(str::to_owned).into();
        let kept = KnownComparisons::parse(&known.to_text(&names));
        let pairs: Vec<String> = kept.pairs.keys().map(|(a, b)| format!("{a} {b}")).collect();
        assert_eq!(pairs, ["a b", "a.keys b.keys", "b c"]);
        assert_eq!(kept.lists.keys().collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn what_was_damaged_is_found_again() {
        let text = some().to_text(&["a", "b", "c", "d"].map(str::to_owned).into());
        for damaged in [text.replace("12", "13"), text[..text.len() - 6].to_owned(), String::new()]
        {
            assert_eq!(KnownComparisons::parse(&damaged), KnownComparisons::default());
        }
    }
}
