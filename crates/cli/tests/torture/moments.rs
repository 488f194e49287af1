//! Killed at a random moment, or on a disk of a random size.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sample::{Chance, figure, is_full, warn};
use crate::scene::Scene;

const SIGKILL: i32 = 9;

/// Killed at any moment between its start and a little after its usual end.
#[test]
fn a_kill_at_a_random_moment_loses_nothing() {
    let scenes = [Scene::second_run(), Scene::backfill()];
    let n_kills = if is_full() { 1000 } else { 24 };
    let mut chance = Chance::new(2);
    let usual = scenes.map(|scene| {
        let case = scene.copy();
        let start = Instant::now();
        case.run(&scene.arguments);
        start.elapsed()
    });
    let mut done = 0;
    let mut n_after = 0;
    while done < n_kills {
        let which = usize::from(chance.within(0..2) == 1);
        let (scene, usual) = (scenes[which], usual[which]);
        let moment = Duration::from_nanos(
            chance.within(0..u64::try_from(usual.as_nanos() * 11 / 10).unwrap()),
        );
        let case = scene.copy();
        let mut command = case.command(&scene.arguments);
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment);
        run.kill().unwrap();
        if run.wait().unwrap().signal() != Some(SIGKILL) {
            continue;
        }
        done += 1;
        let context = format!("killed after {moment:?}");
        n_after += usize::from(scene.assert_whole(&case, &context));
        scene.assert_recovers(&case, &context);
    }
    let what = format!(
        "nightly and backfill: {n_kills} kills, {n_after} of them after the swap, 0 lost, 0 double, 0 torn"
    );
    figure("kill -9 at a random moment", &what);
}

/// A file system in memory; gone when it is dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// `None` where mounting is not allowed.
    fn mount(at: &'a Path, kib: u64) -> Option<Self> {
        let size = format!("size={kib}k");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).stderr(Stdio::null());
        mount.status().ok()?.success().then_some(Self(at))
    }

    fn resize(&self, option: &str) {
        let status = Command::new("mount").args(["-o", option]).arg(self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(self.0).status();
        assert!(status.is_ok_and(|status| status.success()), "{} stays mounted", self.0.display());
    }
}

/// Disks of every size between too small for anything and large enough. Only where file systems can be
/// mounted; the same is tried everywhere without, by writes that find no space.
#[test]
fn a_disk_of_any_size_loses_nothing() {
    let scene = Scene::second_run();
    let step = if is_full() { 4 } else { 16 };
    let (mut n_tried, mut n_full) = (0, 0);
    for kib in (0..).map(|n| 40 + n * step).take_while(|kib| *kib < 20_000) {
        let case = scene.copy();
        let warehouse = case.path("warehouse");
        let aside = case.path("aside");
        std::fs::rename(&warehouse, &aside).unwrap();
        std::fs::create_dir(&warehouse).unwrap();
        let Some(disk) = SmallDisk::mount(&warehouse, kib) else {
            // Who has no right to mount is told; where all must be tried, it is a failure.
            assert!(!is_full(), "no file system can be mounted: disks of all sizes are NOT TRIED");
            figure("disks of all sizes", "NOT TRIED: no file system can be mounted here");
            warn("disks of all sizes are NOT TRIED: no file system can be mounted here");
            return;
        };
        let copied = Command::new("cp").arg("-a").arg(aside.join(".")).arg(&warehouse).output();
        if !copied.unwrap().status.success() {
            // Too small for what was there before.
            continue;
        }
        n_tried += 1;
        let context = format!("a disk of {kib} KiB");
        let outcome = case.run(&scene.arguments);
        let is_after = scene.assert_whole(&case, &context);
        if outcome.code == 1 {
            n_full += 1;
            let is_told = ["No space left on device", "not enough room on the disk"];
            assert!(is_told.iter().any(|text| outcome.stderr.contains(text)), "{outcome:?}");
        } else {
            assert!(is_after && matches!(outcome.code, 0 | 4), "{context}: {outcome:?}");
        }
        disk.resize("remount,size=64m");
        scene.assert_recovers(&case, &context);
        if outcome.code != 1 {
            break;
        }
    }
    assert!(0 < n_full);
    let what = format!("{n_tried} sizes, {n_full} too small and said so, 0 lost");
    figure("disks of all sizes", &what);
}
