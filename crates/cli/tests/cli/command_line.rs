//! What the program says about itself, and the forms in which it prints.

use crate::case::{Case, gzip, nightly_arguments};
use crate::report::good_report;

#[test]
fn help_lists_the_commands_with_examples_and_exit_codes() {
    let help = Case::new().run(&["--help"]).expect_code(0);
    for text in [
        "nightly",
        "verify",
        "generate",
        "Examples:",
        "Exit codes:",
        "streamledger nightly --inbox",
    ] {
        assert!(help.stdout.contains(text), "{text}: {}", help.stdout);
    }
    assert_eq!(help.stderr, "");
}

#[test]
fn help_of_a_command_names_its_options() {
    let help = Case::new().run(&["nightly", "--help"]).expect_code(0);
    for option in [
        "--inbox",
        "--warehouse",
        "--pipeline",
        "--listener-key-file",
        "--as-of",
        "--memory-limit",
        "--retry-rejected",
        "--dry-run",
        "--threads",
        "--format",
        "--log-format",
    ] {
        assert!(help.stdout.contains(option), "{option}: {}", help.stdout);
    }
}

#[test]
fn under_a_small_limit_the_allocator_keeps_little_unless_it_is_told_what_to_keep() {
    let case = Case::new();
    case.put("inbox/spotify/report.tsv", good_report("2026-09-01", 0..3));
    let keeps = |limit: &str, own: Option<&str>| {
        let arguments = nightly_arguments(&["--memory-limit", limit, "--dry-run"]);
        let mut command = case.command(&arguments);
        // It says its settings when a process starts.
        command.env("MIMALLOC_VERBOSE", "1").env_remove("MIMALLOC_PURGE_DELAY");
        if let Some(own) = own {
            command.env("MIMALLOC_PURGE_DELAY", own);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let messages = String::from_utf8(output.stderr).unwrap();
        let kept = messages.lines().filter_map(|line| line.split_once("'purge_delay': "));
        kept.map(|(_, kept)| kept.trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keeps("1GiB", None), ["1000"]);
    assert_eq!(keeps("1023MiB", None), ["1000", "100"]);
    assert_eq!(keeps("1MiB", Some("30")), ["30"]);
}

#[test]
fn no_command_gives_the_usage_on_stderr_and_exits_2() {
    let outcome = Case::new().run(&[]).expect_code(2).expect_stderr("Usage: streamledger");
    assert_eq!(outcome.stdout, "");
}

#[test]
fn wrong_arguments_exit_2_and_are_named() {
    let case = Case::new();
    for (arguments, text) in [
        (&["nightly", "--treads", "2"][..], "--treads"),
        (&["nightly", "--threads", "0"], "0"),
        (&["nightly", "--memory-limit", "much"], "much"),
        (&["nightly", "--as-of", "2026-02-30"], "2026-02-30"),
        (&["nightly", "-q", "-v"], "cannot be used with"),
        (&["nigthly"], "nigthly"),
        (&["generate"], "--out"),
    ] {
        let outcome = case.run(arguments).expect_code(2).expect_stderr(text);
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn the_summary_of_a_run_is_one_json_document_or_csv() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report("2026-09-02", 0..10));
    case.put("spotify/b.tsv.gz", gzip(&good_report("2026-09-02", 0..10)));
    case.put("spotify/bad, \"quoted\".tsv", b"not a report\n");
    let run = case.nightly(&["--format", "json"]).expect_code(4);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["rejected"][0]["reason"], "unknown_format");
    assert_eq!(document["rejected"][0]["file"], "spotify/bad, \"quoted\".tsv");
    assert_eq!(document["left"][0]["file"], "spotify/b.tsv.gz");
    assert_eq!(document["outcomes"][0]["verdict"], "counted");
    assert_eq!(document["outcomes"][0]["rows"], 10);
    assert_eq!((run.number("ingested"), run.number("copies of known reports")), (1, 1));
    let verified = case.run(&["verify", "--format", "json"]).expect_code(0);
    assert_eq!((verified.number("differences"), verified.number("archived reports")), (0, 1));
    let csv = case.nightly(&["--format", "csv"]).expect_code(0).stdout;
    assert!(csv.starts_with("table,what,number\nrun,ingested,0\n"), "{csv}");
    let other = Case::new();
    other.put("spotify/bad, \"quoted\".tsv", b"not a report\n");
    let csv = other.nightly(&["--format", "csv"]).expect_code(4).stdout;
    assert!(
        csv.contains("\nrejected,\"spotify/bad, \"\"quoted\"\".tsv\",unknown_format,"),
        "{csv}"
    );
}

#[test]
fn a_run_in_a_pipe_logs_nothing_and_draws_no_bar() {
    let case = Case::new();
    let generate = ["generate", "--plays", "2000", "--days", "2", "--seed", "3", "--out", "demo"];
    let outcomes = [
        case.run(&generate).expect_code(0),
        case.nightly(&["--inbox", "demo/inbox"]).expect_code(0),
        case.nightly(&["--inbox", "demo/inbox"]).expect_code(0),
        case.verify().expect_code(0),
    ];
    for outcome in outcomes {
        assert_eq!(outcome.stderr, "", "{}", outcome.stdout);
        assert!(!outcome.stdout.contains(['\r', '\u{1b}']), "{}", outcome.stdout);
    }
}

#[test]
fn logs_go_to_stderr_one_json_object_a_line_where_that_is_asked_for() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report("2026-09-02", 0..10));
    let outcome = case.nightly(&["-v", "--log-format", "json", "--format", "json"]).expect_code(0);
    serde_json::from_str::<serde_json::Value>(&outcome.stdout).unwrap();
    assert!(!outcome.stderr.is_empty());
    for line in outcome.stderr.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(object["level"], "INFO", "{line}");
    }
}

#[test]
fn generate_makes_the_same_year_whatever_the_threads() {
    let case = Case::new();
    let generate = |out: &str, threads: &str| {
        let arguments = ["--year", "2026", "--plays-per-day", "400", "--threads", threads];
        let arguments = [&["generate", "--out", out][..], &arguments].concat();
        case.run(&arguments).expect_code(0).expect_stdout("as of 2026-12-31");
        crate::case::hashes(&case.path(out))
    };
    let first = generate("a", "1");
    assert_eq!(generate("b", "2"), first);
    let other_options = ["generate", "--year", "2026", "--days", "3", "--out", "c"];
    case.run(&other_options).expect_code(2).expect_stderr("--days");
}

#[test]
fn generate_makes_the_same_bytes_from_the_same_seed_whatever_the_threads() {
    let case = Case::new();
    let generate = |out: &str, threads: &str, seed: &str| {
        let arguments = [
            "generate",
            "--plays",
            "3000",
            "--days",
            "3",
            "--seed",
            seed,
            "--out",
            out,
            "--threads",
            threads,
        ];
        case.run(&arguments).expect_code(0);
        crate::case::hashes(&case.path(out))
    };
    let first = generate("a", "1", "5");
    assert_eq!(first.len(), 4);
    assert_eq!(generate("b", "2", "5"), first);
    assert_ne!(generate("c", "2", "6"), first);
}
