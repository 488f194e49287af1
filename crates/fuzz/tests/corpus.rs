//! The corpus, and some changes of each of its files: in seconds what cargo-fuzz does in hours.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]
#![expect(clippy::disallowed_methods, reason = "tests make files, break them and look at them")]

use std::fs;
use std::path::Path;

use streamledger_fuzz::{TARGETS, run};

/// Changes of each file of the corpus.
const CHANGES: u64 = 40;

/// Seeded numbers; which ones does not matter, only that they are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }
}

/// Texts that parsers trip over.
const TRAPS: [&[u8]; 18] = [
    b"\r",
    b"\x0b",
    b"\t",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\",
    b"|",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"-",
    b"1e308",
    b"99999999999999999999",
    b"=\"",
    b"{",
    b"FOOT",
    b"2026-02-30",
];

fn changed(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for _ in 0..=numbers.below(4) {
        let place = numbers.below(changed.len() + 1);
        let end = (place + numbers.below(20)).min(changed.len());
        match numbers.below(5) {
            0 => drop(changed.splice(place..place, TRAPS[numbers.below(TRAPS.len())].to_vec())),
            1 => drop(changed.drain(place..end)),
            2 => changed.truncate(place),
            3 => {
                let copy = changed[place..end].to_vec();
                changed.splice(place..place, copy);
            }
            _ => {
                if let Some(byte) = changed.get_mut(place) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
        }
    }
    changed
}

#[test]
fn the_corpus_and_changes_of_it_break_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for target in TARGETS {
        let mut paths: Vec<_> =
            fs::read_dir(corpus.join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "{target}");
        for (number, path) in (1..).zip(&paths) {
            let bytes = fs::read(path).unwrap();
            run(target, &bytes);
            let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ number);
            for _ in 0..CHANGES {
                run(target, &changed(&bytes, &mut numbers));
            }
        }
    }
}
