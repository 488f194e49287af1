//! The states that all other tests compare with, checked against another engine.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::path::Path;
use std::process::Command;

use crate::case::{Case, nightly_arguments};
use crate::python::python;
use crate::sample::figure;
use crate::scene::Scene;

/// What DuckDB finds wrong with the tables of a case.
fn entries(case: &Case) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/oracle.py");
    let output = Command::new(python()).arg(script).current_dir(case.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn another_engine_comes_to_the_same_sums() {
    for scene in Scene::all() {
        let case = scene.copy();
        case.run(&scene.arguments);
        assert_eq!(case.published(), scene.after);
        assert_eq!(entries(&case), "", "{}", scene.name);
    }
    figure("recomputed by DuckDB", "all states that the trials are compared with: equal");
}

/// Two weeks of a made-up store, with all that the generator makes.
#[test]
fn another_engine_comes_to_the_same_sums_of_a_made_up_store() {
    let case = Case::new();
    std::fs::remove_dir(case.path("inbox")).unwrap();
    let generate = ["generate", "--plays", "40000", "--days", "4", "--seed", "5", "--out", "."];
    case.run(&generate).expect_code(0);
    for (name, path) in
        crate::case::files_of(&crate::case::repository().join("fixtures/formats/cdbaby/in"))
    {
        case.put(&name, std::fs::read(path).unwrap());
    }
    case.run(&nightly_arguments(&[]));
    assert_eq!(entries(&case), "");
}
