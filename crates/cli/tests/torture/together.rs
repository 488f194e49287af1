//! Many processes at once.

use std::process::Stdio;

use crate::sample::{figure, is_full};
use crate::scene::Scene;

const PROCESSES: usize = 8;

/// Several runs start together: one does the work, the others say that it is being done, or that
/// there is nothing left to do.
#[test]
fn runs_that_start_together_do_the_work_once() {
    let scene = Scene::second_run();
    let n_rounds = if is_full() { 200 } else { 8 };
    let mut n_locked = 0;
    for round in 0..n_rounds {
        let case = scene.copy();
        let children: Vec<_> = (0..PROCESSES)
            .map(|_| {
                let mut command = case.command(&scene.arguments);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let outputs: Vec<_> =
            children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        let mut n_published = 0;
        for output in &outputs {
            let stdout = String::from_utf8_lossy(&output.stdout);
            let stderr = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(3) => {
                    n_locked += 1;
                    assert!(stderr.contains("another run holds the warehouse"), "{stderr}");
                }
                Some(0 | 4) if stdout.contains("Published snapshot 2.") => n_published += 1,
                Some(0 | 4) => assert!(stdout.contains("Nothing new"), "{stdout}"),
                code => panic!("round {round}: {code:?} {stderr}"),
            }
        }
        assert_eq!(n_published, 1, "round {round}");
        assert!(scene.assert_whole(&case, "together"));
        scene.assert_recovers(&case, "together");
    }
    assert!(0 < n_locked);
    figure(
        "8 processes start together",
        &format!("{n_rounds} rounds, 1 published in each, {n_locked} found the lock taken, 0 lost"),
    );
}
