//! The hash of the report beside the decoding of it.
//!
//! A block of SHA-256 is 64 rounds, each of which waits for the one before, and a turn of the inner
//! loop waits for its look-ups and for branches that were guessed wrong. A processor with the
//! instructions for both does them at a time, as long as they stand near each other in the code: so
//! the rounds of a block are dealt out between the turns that write the next one. Handed over as a
//! whole, a block keeps the processor from looking far enough ahead, and only half of it is hidden.

#![expect(clippy::inline_always, reason = "the steps stand between the turns, not in calls")]

use super::Output;

/// Turns between which a block is hashed: in reports a turn writes some eleven bytes, so that these
/// write about as much as is hashed meanwhile.
pub(super) const TURNS: usize = 6;

/// Who hashes a block while the next ones are written.
pub(super) trait Beside: Copy {
    /// A block on its way.
    type Block;

    /// Takes the next block, which is written.
    fn begin(self, out: &mut Output<'_>, at: usize) -> Self::Block;

    /// Does one of [`TURNS`] parts of it.
    fn go_on<const PART: usize>(self, block: &mut Self::Block);

    /// The block is hashed. Where this is not reached, it was not begun.
    fn end(self, out: &mut Output<'_>, block: Self::Block);
}

/// Hashes the block before the turns: for machines without the instructions.
#[derive(Clone, Copy)]
pub(super) struct Before;

impl Beside for Before {
    type Block = ();

    #[inline(always)]
    fn begin(self, out: &mut Output<'_>, at: usize) {
        out.hash.follow(&out.bytes[..at]);
    }

    #[inline(always)]
    fn go_on<const PART: usize>(self, (): &mut ()) {}

    #[inline(always)]
    fn end(self, _: &mut Output<'_>, (): ()) {}
}

#[cfg(target_arch = "x86_64")]
pub(super) use self::x86::Between;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_set_epi32, _mm_set_epi64x,
        _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
        _mm_shuffle_epi32,
    };

    use fearless_simd::Avx512;

    use super::{Beside, Output, TURNS};
    use crate::ingest::report_hash::{BLOCK_BYTES, CONSTANTS, State};

    /// Deals the rounds out between the turns: for machines with the instructions for SHA-256, which
    /// this level of vectors promises.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Between(pub(in super::super) Avx512);

    /// Steps of four rounds.
    const STEPS: usize = 16;

    /// The first step of each part, and where the last one ends.
    const PARTS: [usize; TURNS + 1] = [0, 3, 6, 9, 12, 14, STEPS];

    /// A block between two of its steps.
    pub(in super::super) struct Block {
        /// The state in the order of the instructions, its first numbers uppermost.
        abef: __m128i,
        cdgh: __m128i,
        /// The last 16 words of the message schedule, four at a time.
        words: [__m128i; 4],
        /// The state before the block.
        before: [__m128i; 2],
    }

    impl Beside for Between {
        type Block = Block;

        #[inline(always)]
        fn begin(self, out: &mut Output<'_>, _: usize) -> Block {
            let [abef, cdgh] = packed(self.0, *out.hash.state());
            let mut block = [0; BLOCK_BYTES];
            block.copy_from_slice(out.hash.next_block(out.bytes));
            let (quarters, _) = block.as_chunks::<16>();
            let words = std::array::from_fn(|n| big_endian(self.0, quarters[n]));
            Block { abef, cdgh, words, before: [abef, cdgh] }
        }

        #[inline(always)]
        fn go_on<const PART: usize>(self, block: &mut Block) {
            for step in PARTS[PART]..PARTS[PART + 1] {
                let words = &mut block.words;
                if 4 <= step {
                    let oldest = step % 4;
                    let [second, third, last] = [1, 2, 3].map(|n| words[(oldest + n) % 4]);
                    words[oldest] = schedule(self.0, words[oldest], second, third, last);
                }
                let constants = CONSTANTS[step];
                [block.abef, block.cdgh] =
                    rounds(self.0, block.abef, block.cdgh, words[step % 4], constants);
            }
        }

        #[inline(always)]
        fn end(self, out: &mut Output<'_>, block: Block) {
            let [abef, cdgh] = block.before;
            out.hash.take_block(sums(self.0, [block.abef, abef], [block.cdgh, cdgh]));
        }
    }

    fearless_simd::kernel!(
        /// The next four words of the schedule from the sixteen before.
        #[inline(always)]
        fn schedule(
            avx512: Avx512,
            first: __m128i,
            second: __m128i,
            third: __m128i,
            last: __m128i,
        ) -> __m128i {
            let _ = avx512;
            let sums = _mm_add_epi32(
                _mm_sha256msg1_epu32(first, second),
                _mm_alignr_epi8::<4>(last, third),
            );
            _mm_sha256msg2_epu32(sums, last)
        }
    );

    fearless_simd::kernel!(
        /// Four rounds: the instruction does two, and what was ABEF is CDGH after them.
        #[inline(always)]
        fn rounds(
            avx512: Avx512,
            abef: __m128i,
            cdgh: __m128i,
            words: __m128i,
            constants: [u32; 4],
        ) -> [__m128i; 2] {
            let _ = avx512;
            let [k0, k1, k2, k3] = constants.map(u32::cast_signed);
            let sums = _mm_add_epi32(words, _mm_set_epi32(k3, k2, k1, k0));
            let after_two = _mm_sha256rnds2_epu32(cdgh, abef, sums);
            let upper = _mm_shuffle_epi32::<0b1110>(sums);
            [_mm_sha256rnds2_epu32(abef, after_two, upper), after_two]
        }
    );

    fearless_simd::kernel!(
        /// Sixteen bytes as four words, each with its first byte uppermost.
        #[inline(always)]
        fn big_endian(avx512: Avx512, bytes: [u8; 16]) -> __m128i {
            let _ = avx512;
            let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
            _mm_shuffle_epi8(bytemuck::cast(bytes), order)
        }
    );

    fearless_simd::kernel!(
        /// The state in the order of the instructions: ABEF and CDGH.
        #[inline(always)]
        fn packed(avx512: Avx512, state: State) -> [__m128i; 2] {
            let _ = avx512;
            let [a, b, c, d, e, f, g, h] = state.map(u32::cast_signed);
            [_mm_set_epi32(a, b, e, f), _mm_set_epi32(c, d, g, h)]
        }
    );

    fearless_simd::kernel!(
        /// The state after a block: what came out, plus the state before it.
        #[inline(always)]
        fn sums(avx512: Avx512, abef: [__m128i; 2], cdgh: [__m128i; 2]) -> State {
            let _ = avx512;
            let [f, e, b, a]: [u32; 4] = bytemuck::cast(_mm_add_epi32(abef[0], abef[1]));
            let [h, g, d, c]: [u32; 4] = bytemuck::cast(_mm_add_epi32(cdgh[0], cdgh[1]));
            [a, b, c, d, e, f, g, h]
        }
    );
}
