//! Pages as a person finds them: texts of tables and links. Knows the few tags that our pages have.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// A table of a page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Table {
    /// Its classes.
    pub(crate) class: String,
    /// Id of the part that folds up, in which it stands.
    #[serde(rename = "in")]
    pub(crate) within: String,
    /// Texts of the cells.
    pub(crate) rows: Vec<Vec<String>>,
}

/// What is read of a page.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    /// Name of the window.
    pub(crate) title: String,
    /// The first heading.
    pub(crate) heading: String,
    /// The answers at the top.
    pub(crate) answers: Vec<String>,
    /// The tables.
    pub(crate) tables: Vec<Table>,
    /// Where links lead.
    pub(crate) links: Vec<String>,
    /// Places on the page that links may lead to.
    pub(crate) ids: Vec<String>,
}

impl Page {
    /// Reads a page from its file.
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let answer = between(&text, "<div class=\"answer\">", "</div>").next().unwrap_or("");
        Self {
            title: plain(between(&text, "<title>", "</title>").next().unwrap()),
            heading: plain(between(&text, "<h1>", "</h1>").next().unwrap()),
            answers: between(answer, "<p>", "</p>").map(plain).collect(),
            tables: tables(&text),
            links: attributes(&text, "<a ", "href"),
            ids: attributes(&text, "<", "id"),
        }
    }

    /// The tables of a class.
    pub(crate) fn tables_of(&self, class: &str) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(move |table| table.class.split(' ').any(|known| known == class))
    }

    /// The only table of a class, without its heads.
    #[track_caller]
    pub(crate) fn rows_of(&self, class: &str) -> &[Vec<String>] {
        let mut tables = self.tables_of(class);
        let table = tables.next().unwrap();
        assert!(tables.next().is_none(), "more than one table `{class}`");
        &table.rows[1..]
    }
}

fn tables(text: &str) -> Vec<Table> {
    let mut tables = Vec::new();
    for (start, _) in text.match_indices("<table") {
        let before = &text[..start];
        let is_folded = before.matches("<details").count() > before.matches("</details>").count();
        let fold = before.rfind("<details").filter(|_| is_folded).map(|at| &text[at..]);
        let table = text[start..].split("</table>").next().unwrap();
        let rows = between(table, "<tr", "</tr>").map(|row| {
            let cells = row.split("<th").flat_map(|part| part.split("<td")).skip(1);
            cells
                .filter(|cell| cell.starts_with([' ', '>']))
                .map(|cell| plain(cell.split_once('>').unwrap().1))
                .collect()
        });
        tables.push(Table {
            class: attribute(table, "class").unwrap_or_default(),
            within: fold.and_then(|fold| attribute(fold, "id")).unwrap_or_default(),
            rows: rows.collect(),
        });
    }
    tables
}

fn between<'a>(text: &'a str, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(from).skip(1).map(move |part| part.split(to).next().unwrap())
}

/// The value of an attribute of the first tag.
fn attribute(text: &str, name: &str) -> Option<String> {
    let tag = text.split('>').next()?;
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(unescaped(rest.split('"').next()?))
}

/// The values of an attribute of all tags that begin so.
fn attributes(text: &str, tag: &str, name: &str) -> Vec<String> {
    text.match_indices(tag).filter_map(|(at, _)| attribute(&text[at..], name)).collect()
}

/// Text without tags, as it is read.
fn plain(text: &str) -> String {
    let mut words = String::new();
    let mut is_tag = false;
    for letter in text.chars() {
        match letter {
            '<' => {
                is_tag = true;
                words.push(' ');
            }
            '>' => is_tag = false,
            letter if !is_tag => words.push(letter),
            _ => {}
        }
    }
    unescaped(&words).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unescaped(text: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (code, letter)| text.replace(code, letter))
}

#[test]
fn pages_are_read_as_they_are_seen() {
    let text = "<details id=\"a\"><table class=\"x y\"><tr><th>A &#38; <b>B</b></th><td class=\"n\">1\
                <small>in part</small></td></tr></table></details><table><tr><td></td></tr></table>";
    let found = tables(text);
    assert_eq!(found[0].rows, [["A & B", "1 in part"]]);
    assert_eq!((found[0].class.as_str(), found[0].within.as_str()), ("x y", "a"));
    assert_eq!((found[1].within.as_str(), found[1].rows[0][0].as_str()), ("", ""));
}
