//! Ids of events and idempotency keys.

/// Derives an id in the form of a UUID from the parts (two rounds of FNV-1a). The same parts give
/// the same id.
pub(crate) fn id_of(parts: &[&[u8]]) -> String {
    let fnv = |basis: u64| {
        let separated = parts
            .iter()
            .flat_map(|part| part.iter().copied().chain([0]));
        separated.fold(basis, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    let (high, low) = (fnv(0xcbf2_9ce4_8422_2325), fnv(0x6c62_272e_07bb_0142));
    let hex = format!("{high:016x}{low:016x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}
