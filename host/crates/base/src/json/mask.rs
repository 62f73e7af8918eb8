//! Finds the bytes that matter inside a string, 64 bytes at a time.
//!
//! A search for the end of each string, one after another, makes the processor wait for one search
//! before the next begins. A mask of 64 bytes can be computed before it is known where strings
//! begin. With the mask, the end of a string is found in a few cycles.

use wide::u8x16;

/// The number of bytes of a mask.
pub(super) const BLOCK: usize = 64;

/// The mask of the first block of a text: a bit for each byte, the lowest bit for the first byte. A
/// bit is set for a quote, a backslash, a control character, and after the end of the text. The
/// function is not inlined, so that the code for each string stays small.
#[inline(never)]
pub(super) fn attention(text: &[u8]) -> u64 {
    match text.first_chunk::<BLOCK>() {
        Some(block) => of_block(block),
        None => {
            // The bytes after the end are zeros, which are control characters.
            let mut block = [0; BLOCK];
            block[..text.len()].copy_from_slice(text);
            of_block(&block)
        }
    }
}

#[inline]
fn of_block(block: &[u8; BLOCK]) -> u64 {
    let (lanes, _) = block.as_chunks::<16>();
    lanes.iter().rev().fold(0, |mask, lane| {
        let bytes = u8x16::new(*lane);
        let is = |byte| bytes.simd_eq(u8x16::splat(byte));
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        let attention = is(b'"') | is(b'\\') | control;
        mask << 16 | u64::from(attention.to_bitmask())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mask_has_a_bit_for_each_byte_that_needs_attention(
            text in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), 0x1e_u8..0x22], 0..80),
        ) {
            let mask = attention(&text);
            for at in 0..BLOCK {
                let wanted = match text.get(at) {
                    Some(byte) => matches!(byte, b'"' | b'\\' | ..0x20),
                    None => true,
                };
                prop_assert_eq!(mask >> at & 1 == 1, wanted, "byte {}", at);
            }
        }
    }
}
