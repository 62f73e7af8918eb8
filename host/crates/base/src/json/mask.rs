//! Which bytes of a text need attention within a string, 64 at a time.
//!
//! To look for the end of each string from its start makes the processor wait for one
//! search before it can begin the next. A mask for 64 bytes can be had before it is known
//! where strings begin; in it, the end of a string is a few cycles away.

use wide::u8x16;

/// How many bytes a mask is for.
pub(super) const BLOCK: usize = 64;

/// A bit for each byte of a block, the lowest for the first, set where a string does not
/// simply go on: a quote, a backslash, a control character, or the end of the text. Not
/// inlined, so that it is out of the way of what is done for each string.
#[inline(never)]
pub(super) fn attention(text: &[u8]) -> u64 {
    match text.first_chunk::<BLOCK>() {
        Some(block) => of_block(block),
        None => {
            // Zeros, which are control characters, behind the end.
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
