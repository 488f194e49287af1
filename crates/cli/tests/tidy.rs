//! Tidy: what lints cannot check. Each test reads the files of the repository as text and fails with
//! the list of all places that break a habit of the project, so that one correction is enough.

#![expect(clippy::disallowed_methods, reason = "tests make files, break them and look at them")]

use std::path::{Path, PathBuf};

/// Names that say nothing of what a file settles.
const EMPTY_NAMES: [&str; 4] = ["utils", "helpers", "common", "misc"];

/// Longest source file without its tests, in lines: what settles one thing fits it.
const SOURCE_LINES_MAX: usize = 500;

/// Hidden folders that belong to the project; all others belong to tools.
const HIDDEN_FOLDERS: [&str; 3] = [".ci", ".config", ".github"];

/// Where a number saturates or has a default, how often, and why that is its value. Everywhere else a
/// number that does not fit rejects its row or report, or stops the run (`numbers::exact`).
const DEFAULTED: &[(&str, usize, &str)] = &[
    ("crates/cli/src/commands/explain.rs", 1, "a month without a first total starts at none"),
    ("crates/cli/src/report/days.rs", 1, "the last of no days is the first"),
    ("crates/cli/src/report/search.rs", 1, "a short code is its own end"),
    ("crates/cli/src/report/subject.rs", 2, "an unknown change draws no bar"),
    ("crates/core/src/aggregate/trends_daily/rows.rs", 1, "room to reserve"),
    ("crates/core/src/explain/figures.rs", 1, "an unknown number changes no total"),
    ("crates/core/src/explain/period.rs", 1, "every month has a first day"),
    ("crates/core/src/explain/waterfall.rs", 4, "no row that says so: none"),
    ("crates/kernels/inflate/src/lib.rs", 2, "how far back bytes are still there"),
    (
        "crates/core/src/normalize/values/cells.rs",
        2,
        "beyond 64 bits is beyond the range of every caller",
    ),
    ("crates/storage/src/disk/durable.rs", 1, "a disk of more than 64 bits has room"),
    ("crates/kernels/parquet-pages/src/values.rs", 1, "bits for the codes of no values"),
    ("crates/kernels/parquet-pages/src/delta.rs", 2, "what Parquet writes for no values"),
    ("crates/kernels/parquet-pages/src/page.rs", 1, "room to reserve"),
    ("crates/storage/src/encode/trends.rs", 2, "rows of a release outside of the page"),
    ("crates/query/src/explain.rs", 1, "a month without plays reports none"),
    ("crates/query/src/inspect.rs", 1, "room for rows to show"),
    ("crates/pipeline/src/nightly/supersede/bounds.rs", 1, "beyond 128 bits is beyond every bound"),
    ("crates/pipeline/src/nightly/checking.rs", 1, "a partition that no report has rows for"),
    (
        "crates/pipeline/src/nightly/intake/disk_space.rs",
        1,
        "more than 64 bits of bytes fit no disk",
    ),
    (
        "crates/pipeline/src/build/build_waterfall.rs",
        1,
        "an unknown number adds nothing to a check",
    ),
    ("crates/pipeline/src/build/sales_merge.rs", 1, "memory that is left"),
    ("crates/storage/src/layout/snapshots.rs", 1, "snapshots beyond those to keep"),
    ("crates/storage/src/disk/stages.rs", 1, "time that is shown"),
    ("crates/query/src/verify.rs", 1, "a partition that no report has rows for"),
    ("crates/query/src/verify_waterfall.rs", 1, "an unknown number changes no total"),
];

/// Folders of made-up inboxes and of what only tests use: none of their numbers is anybody's money.
const MADE_UP: [&str; 1] = ["crates/core/src/testing.rs"];

/// Code by which tables are made or shown.
const OURS: [&str; 6] = [
    "crates/kernels/",
    "crates/core/src/",
    "crates/storage/src/",
    "crates/pipeline/src/",
    "crates/query/src/",
    "crates/cli/src/",
];

#[test]
fn no_number_saturates_or_gets_a_default() {
    let mut problems = Vec::new();
    for file in files() {
        let is_ours = OURS.iter().any(|folder| file.name.starts_with(folder));
        let is_made_up = MADE_UP.iter().any(|made_up| file.name.starts_with(made_up));
        if !is_ours || is_made_up || !is_rust(&file.name) || file.is_tests() {
            continue;
        }
        let found = count_defaults(file.source());
        let known =
            DEFAULTED.iter().find(|(name, ..)| *name == file.name).map_or(0, |(_, n, _)| *n);
        if found != known {
            problems.push(format!("{} has {found}, {known} are known", file.name));
        }
    }
    assert!(problems.is_empty(), "`saturating_*`, or `unwrap_or` of a number: {problems:#?}");
}

#[test]
fn only_kernels_are_written_for_instruction_sets() {
    let is_code = |name: &str| is_rust(name) || name.ends_with("/Cargo.toml");
    // Put together here, so that this file does not hold what it looks for.
    let names = [["fearless", "_simd"], ["std::", "arch"], ["core::", "arch"]].map(|n| n.concat());
    let mut found = files();
    found.retain(|file| is_code(&file.name) && !file.name.starts_with("crates/kernels/"));
    found.retain(|file| names.iter().any(|name| file.text.contains(name.as_str())));
    let found: Vec<&str> = found.iter().map(|file| file.name.as_str()).collect();
    assert!(found.is_empty(), "SIMD outside of crates/kernels: {found:#?}");
}

#[test]
fn every_source_file_opens_with_what_it_settles() {
    let silent = sources(|file| !file.is_tests() && !file.text.starts_with("//! "));
    assert!(silent.is_empty(), "no `//!` in the first line: {silent:#?}");
}

#[test]
fn no_source_file_has_a_name_that_says_nothing() {
    let empty = sources(|file| {
        let path = file.name.trim_end_matches(".rs");
        path.split('/').any(|part| EMPTY_NAMES.contains(&part))
    });
    assert!(empty.is_empty(), "named for nothing in particular: {empty:#?}");
}

#[test]
fn no_source_file_outgrows_what_can_be_read_at_once() {
    let long = sources(|file| !file.is_tests() && SOURCE_LINES_MAX < file.source_lines());
    assert!(long.is_empty(), "more than {SOURCE_LINES_MAX} lines without tests: {long:#?}");
}

#[test]
fn every_rule_is_in_the_code_map_and_has_tests() {
    let files = files();
    let map = text_of(&files, "crates/README.md");
    let tests = text_of(&files, "crates/core/src/filter/order/tests.rs");
    let rules: Vec<Rule> = files.iter().filter_map(Rule::of_file).collect();
    let mut problems = Vec::new();
    for rule in &rules {
        if !map.contains(&format!("`{}`", rule.file.trim_start_matches("crates/"))) {
            problems.push(format!("crates/README.md has no line for {}", rule.file));
        }
        for reason in &rule.reasons {
            if !map.contains(&format!("`{reason}`")) {
                problems.push(format!("crates/README.md does not name `{reason}`"));
            }
            if !tests.contains(reason.as_str()) && !tests.contains(&camel_case(reason)) {
                problems.push(format!("filter/order/tests.rs has nothing on `{reason}`"));
            }
        }
    }
    let mut numbers: Vec<&str> = rules.iter().map(|rule| rule.number.as_str()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"], "the rules that were found");
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_number_that_decides_stands_under_its_source() {
    let files = files();
    let mut problems = Vec::new();
    for folder in ["pipelines/policies/", "pipelines/stores/"] {
        let settings: Vec<&TextFile> =
            files.iter().filter(|file| file.name.starts_with(folder)).collect();
        assert!(!settings.is_empty(), "{folder} holds nothing");
        for file in settings {
            let lines = lines_without_source(&file.text);
            problems.extend(lines.iter().map(|line| format!("{}:{line}", file.name)));
        }
    }
    assert!(problems.is_empty(), "a number without a comment above it: {problems:#?}");
}

#[test]
fn what_the_readme_tells_a_newcomer_is_what_is_run_before_a_merge() {
    let files = files();
    let commands = fenced_blocks(text_of(&files, "README.md"), "sh");
    let ci = text_of(&files, ".ci/run");
    let first_two = commands.get(..2).unwrap_or_default();
    assert_eq!(first_two.len(), 2, "README.md has fewer than two commands");
    for command in first_two {
        assert!(ci.contains(&format!("=({command})\n")), ".ci/run does not have: {command}");
    }
}

#[test]
fn the_code_map_names_files_that_are_there() {
    let files = files();
    let map = text_of(&files, "crates/README.md");
    let named: Vec<&str> = code_spans(map).filter(|span| is_rust(span)).collect();
    let gone: Vec<&&str> = named
        .iter()
        .filter(|span| {
            let path = format!("crates/{span}");
            !files.iter().any(|file| file.name == path || file.name == **span)
        })
        .collect();
    assert!(!named.is_empty(), "the code map names no file");
    assert!(gone.is_empty(), "crates/README.md names files that are not there: {gone:#?}");
}

#[test]
fn every_code_in_quarantine_is_explained() {
    let files = files();
    let examine = text_of(&files, "crates/pipeline/src/intake/examine.rs");
    let defects = quoted_after(text_of(&files, "crates/core/src/normalize/rejected_row.rs"), "=> ");
    let rejections =
        [quoted_after(examine, "RejectedReport::new("), quoted_after(examine, "code: ")].concat();
    assert!(!defects.is_empty() && !rejections.is_empty(), "no codes found in the source");
    let tables = text_of(&files, "docs/tables.md");
    let codes = defects.into_iter().chain(rejections);
    let silent: Vec<&str> = codes.filter(|code| !tables.contains(&format!("`{code}`"))).collect();
    assert!(silent.is_empty(), "docs/tables.md does not explain: {silent:#?}");
}

#[test]
fn no_text_knows_the_machine_it_was_written_on() {
    // Put together here, so that this file does not hold what it looks for.
    let folders = ["work", "root", "home"].map(|name| format!("/{name}/"));
    let files = files();
    let found: Vec<&str> = files
        .iter()
        .filter(|file| folders.iter().any(|folder| has_path_in(&file.text, folder)))
        .map(|file| file.name.as_str())
        .collect();
    assert!(found.is_empty(), "an absolute path of somebody's machine: {found:#?}");
}

#[test]
fn the_checks_find_what_they_look_for() {
    assert_eq!(lines_without_source("# why\n[a]\nx = 1\n\n[b]\ny = 2\n# why\nz = -3\n"), [6]);
    assert_eq!(
        lines_without_source("version = 1\nname = \"n\"\n# why\nx = 1\ny = 2\n\nz = 3"),
        [7]
    );
    assert!(has_path_in("see /here/x", "/here/") && has_path_in("/here/x", "/here/"));
    assert!(!has_path_in("peers/here/x", "/here/") && !has_path_in("here/x", "/here/"));
    assert_eq!(fenced_blocks("```sh\na b\n```\ntext\n```sql\nc\n```\n", "sh"), ["a b"]);
    assert_eq!(code_spans("a `b.rs` and `c d`").collect::<Vec<_>>(), ["b.rs", "c d"]);
    assert_eq!(quoted_after("f(\n  \"one\", 2) f(x) f(\"two\")", "f("), ["one", "two"]);
    assert_eq!(camel_case("offline_expired"), "OfflineExpired");
    assert_eq!(count_defaults("a.saturating_add(1).unwrap_or(0)"), 2);
    assert_eq!(count_defaults("n.unwrap_or(-1) n.unwrap_or(u32::MAX) n.unwrap_or(1_000)"), 3);
    assert_eq!(count_defaults("n.unwrap_or(first) n.unwrap_or(\"0\") n.checked_add(0)"), 0);
}

/// A file of the repository that is text.
struct TextFile {
    /// Path in the repository, with `/`.
    name: String,
    text: String,
}

impl TextFile {
    /// Whether the file holds tests alone.
    fn is_tests(&self) -> bool {
        self.name.ends_with("/tests.rs") || self.name.contains("/tests/")
    }

    /// What stands before the tests of the same file.
    fn source(&self) -> &str {
        self.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default()
    }

    /// Lines before the tests that stand in the same file.
    fn source_lines(&self) -> usize {
        self.source().lines().count()
    }
}

/// A rule of the filter, as the first line of its file tells: ``//! Rule 3, `offline_expired`: ...``.
struct Rule {
    file: String,
    number: String,
    reasons: Vec<String>,
}

impl Rule {
    fn of_file(file: &TextFile) -> Option<Self> {
        let first_line = file.text.lines().next()?;
        let rule = first_line.strip_prefix("//! Rule ")?;
        file.name.starts_with("crates/core/src/filter/").then(|| Self {
            file: file.name.clone(),
            number: rule.chars().take_while(char::is_ascii_digit).collect(),
            reasons: code_spans(first_line).map(ToOwned::to_owned).collect(),
        })
    }
}

/// Names of the Rust files for which this holds.
fn sources(holds: impl Fn(&TextFile) -> bool) -> Vec<String> {
    let mut files = files();
    files.retain(|file| is_rust(&file.name) && holds(file));
    files.into_iter().map(|file| file.name).collect()
}

fn is_rust(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "rs")
}

/// The text of one file; empty if it is not there, which no check takes for good.
fn text_of<'a>(files: &'a [TextFile], name: &str) -> &'a str {
    files.iter().find(|file| file.name == name).map_or("", |file| &file.text)
}

/// All text files of the repository, without what `.gitignore` names and what belongs to tools.
fn files() -> Vec<TextFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let ignored = std::fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let ignored: Vec<&str> = ignored.lines().map(str::trim).collect();
    let mut found = Vec::new();
    collect_files(&root, "", &ignored, &mut found);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let is_whole = found.iter().any(|file| file.name == "crates/cli/tests/tidy.rs");
    assert!(is_whole, "{} does not look like the repository", root.display());
    found
}

fn collect_files(folder: &Path, prefix: &str, ignored: &[&str], found: &mut Vec<TextFile>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    for path in paths {
        let part = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{prefix}{part}");
        let patterns = [format!("/{name}"), format!("{part}/")];
        // In a working tree next to the repository, `.git` is a file that says where that is.
        if path.is_symlink()
            || part == ".git"
            || patterns.iter().any(|pattern| ignored.contains(&pattern.as_str()))
        {
            continue;
        }
        if path.is_dir() {
            if !part.starts_with('.') || HIDDEN_FOLDERS.contains(&part.as_ref()) {
                collect_files(&path, &format!("{name}/"), ignored, found);
            }
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            found.push(TextFile { name, text });
        }
    }
}

/// Lines (from 1) of a TOML text with a number that no comment above it, above its table or behind it
/// explains. A comment holds for the lines that follow it without a blank one; a `version` is a name.
fn lines_without_source(text: &str) -> Vec<usize> {
    let (mut is_explained, mut table_is_explained) = (false, false);
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() {
            is_explained = false;
        } else if line.starts_with('#') {
            is_explained = true;
        } else if line.starts_with('[') {
            table_is_explained = is_explained;
        } else if let Some((key, value)) = line.split_once('=') {
            let is_number = value.trim().starts_with(|c: char| c.is_ascii_digit() || c == '-');
            let has_source = is_explained || table_is_explained || value.contains('#');
            if is_number && key.trim() != "version" && !has_source {
                lines.push(number);
            }
        }
    }
    lines
}

/// Whether an absolute path into this folder stands in the text: what precedes it is no part of a path.
fn has_path_in(text: &str, folder: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "._-~}".contains(c);
    text.match_indices(folder).any(|(start, _)| !text[..start].ends_with(goes_on))
}

/// The fenced blocks of a Markdown text in this language, without their fences.
fn fenced_blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    format!("\n{text}")
        .split(&fence)
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned()))
        .collect()
}

/// What stands between backticks on one line.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Calls that saturate, and those that put a number in the place of one that is not there.
fn count_defaults(text: &str) -> usize {
    let is_number = |given: &&str| {
        let digits = given.trim_start_matches('-');
        let is_literal = digits.starts_with(|c: char| c.is_ascii_digit());
        is_literal || given.ends_with("::MAX") || given.ends_with("::MIN")
    };
    let given = text.split(".unwrap_or(").skip(1).filter_map(|rest| rest.split(')').next());
    text.matches(".saturating_").count() + given.filter(is_number).count()
}

/// Texts in quotes that follow a marker, with nothing but space between.
fn quoted_after<'a>(text: &'a str, marker: &str) -> Vec<&'a str> {
    text.split(marker)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .collect()
}

/// `too_short` as Rust writes the name of a variant: `TooShort`.
fn camel_case(name: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split('_').map(capital).collect()
}
