//! One byte of one published file is another.

use std::fs;

use crate::case::files_of;
use crate::sample::{Chance, figure, is_full};
use crate::scene::Scene;

#[test]
fn verify_finds_any_byte_that_is_another() {
    let scene = Scene::second_run();
    let case = scene.copy();
    case.run(&scene.arguments);
    let snapshot = case.path("warehouse/internal/snapshots/000002");
    let files = files_of(&snapshot);
    assert!(10 < files.len());
    let n_flips = if is_full() { 1000 } else { 60 };
    let mut chance = Chance::new(1);
    for _ in 0..n_flips {
        let (name, path) = &files[usize::try_from(chance.within(0..files.len() as u64)).unwrap()];
        let whole = fs::read(path).unwrap();
        let mut bytes = whole.clone();
        let place = usize::try_from(chance.within(0..whole.len() as u64)).unwrap();
        bytes[place] ^= 1 << chance.within(0..8);
        fs::write(path, bytes).unwrap();
        let verified = case.verify();
        assert_eq!(verified.code, 1, "{name}, byte {place}: {verified:?}");
        fs::write(path, whole).unwrap();
    }
    case.verify().expect_code(0);
    figure("one byte flipped in a published file", &format!("verify found {n_flips} of {n_flips}"));
}
