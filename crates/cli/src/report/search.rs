//! Search without a server: what is looked for is cut into words, and of each word the first two letters
//! name a small file that lists all that have such a word. A page loads only the file of what is typed.

use std::collections::BTreeMap;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Letters of a word that name its file.
const KEY_LETTERS: usize = 2;

/// What can be found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct SearchEntry(
    /// What it is called.
    pub(crate) String,
    /// By whom, or what it is.
    pub(crate) String,
    /// Its page, from the root of the pages.
    pub(crate) String,
);

/// Files of entries, by the letters that words begin with.
#[derive(Debug, Default)]
pub(crate) struct SearchIndex {
    files: BTreeMap<String, Vec<SearchEntry>>,
}

impl SearchIndex {
    /// Adds an entry under all of its words.
    pub(crate) fn add(&mut self, entry: &SearchEntry) {
        for key in keys(&format!("{} {}", entry.0, entry.1)) {
            self.add_under(key, entry);
        }
    }

    /// Adds the page of a recording, also under its ISRC. Those of a label have the same beginning, so
    /// that the end names their file.
    pub(crate) fn add_recording(&mut self, entry: &SearchEntry, isrc: &str) {
        self.add(entry);
        self.add_under(isrc_key(isrc), entry);
    }

    fn add_under(&mut self, key: String, entry: &SearchEntry) {
        let entries = self.files.entry(key).or_default();
        if entries.last() != Some(entry) {
            entries.push(entry.clone());
        }
    }

    /// The files: name and text. The text is a script, since a page that was opened from a file may load
    /// a script and nothing else.
    pub(crate) fn files(&self) -> impl Iterator<Item = (String, anyhow::Result<String>)> {
        self.files.iter().map(|(key, entries)| {
            let text = serde_json::to_string(&(key, entries));
            let text = text.map(|text| format!("streamledgerFound({text});\n"));
            (format!("search/{}.js", hex::encode(key)), text.map_err(Into::into))
        })
    }
}

/// The file of an ISRC.
fn isrc_key(isrc: &str) -> String {
    let end = isrc.len().saturating_sub(KEY_LETTERS);
    format!("isrc{}", isrc.get(end..).unwrap_or(isrc))
}

/// The first letters of the words of a text, without accents, in small letters.
fn keys(text: &str) -> Vec<String> {
    let plain: String = text.nfkd().filter(|letter| !is_combining_mark(*letter)).collect();
    let plain = plain.to_lowercase();
    let words = plain.split(|letter: char| !letter.is_alphanumeric());
    let mut keys: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().take(KEY_LETTERS).collect())
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_by_their_first_letters_in_any_script() {
        assert_eq!(keys("Kvällståg (Ängel mix)"), ["an", "kv", "mi"]);
        assert_eq!(keys("夜の電車 U2"), ["u2", "夜の"]);
        assert!(keys(" - ").is_empty());
    }

    #[test]
    fn an_entry_is_in_the_file_of_each_word_once_and_cannot_end_the_script() {
        let mut index = SearchIndex::default();
        let entry =
            SearchEntry("Same Sails".into(), "\"); alert(1)".into(), "tracks/x.html".into());
        index.add_recording(&entry, "ZZSL12600001");
        let files: Vec<(String, String)> =
            index.files().map(|(name, text)| (name, text.unwrap())).collect();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["search/31.js", "search/616c.js", "search/697372633031.js", "search/7361.js"]
        );
        let text = &files[3].1;
        assert_eq!(
            text,
            "streamledgerFound([\"sa\",[[\"Same Sails\",\"\\\"); alert(1)\",\"tracks/x.html\"]]]);\n"
        );
    }
}
