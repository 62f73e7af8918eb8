//! Makes the objects of the interpreter immortal, in the snapshot that a component in Python is.
//!
//! `tollgate_runtime/heap.py` of the SDK says why, and notes where the objects are. An immortal
//! object is one whose count of references is so high that the interpreter does not count. So this
//! module writes that count, and nothing else.

use std::ops::Range;

use wasmparser::{DataKind, Operator, Parser, Payload};

/// What stands before the note of the SDK.
const MARK: &[u8] = b"tollgate:immortal objects\0";

/// The count of references that CPython 3.14 gives an immortal object where a pointer has 32 bits
/// (`_Py_IMMORTAL_INITIAL_REFCNT`).
const IMMORTAL: u32 = 5 << 28;

/// Objects with this count or a higher one are immortal already
/// (`_Py_IMMORTAL_MINIMUM_REFCNT`).
const IMMORTAL_FROM: u32 = 1 << 30;

/// The linear memory of a component's first moment, and where in the file its bytes are.
struct Snapshot {
    memory: Vec<u8>,
    /// An address, and the place of what is written there.
    segments: Vec<(usize, Range<usize>)>,
}

/// The note of the SDK.
struct Note {
    /// Where the note is in memory.
    place: Range<usize>,
    /// The objects with their types.
    objects: Vec<(usize, u32)>,
}

/// Makes the objects immortal that the SDK has noted. Returns how many. Without a note of the SDK
/// the component stays as it is.
pub(super) fn make_immortal(component: &mut [u8]) -> usize {
    let Some(mut snapshot) = Snapshot::read(component) else {
        return 0;
    };
    let Some(note) = snapshot.note() else {
        return 0;
    };
    let mut changed = 0;
    for (object, kind) in note.objects {
        // Only what is still an object of the type that was noted.
        let count = snapshot.word(object);
        let is_mortal = count.is_some_and(|count| (1..IMMORTAL_FROM).contains(&count));
        if is_mortal && snapshot.word(object + 4) == Some(kind) {
            snapshot.memory[object..object + 4].copy_from_slice(&IMMORTAL.to_le_bytes());
            changed += 1;
        }
    }
    // Nobody reads the note again.
    snapshot.memory[note.place].fill(0);
    snapshot.write(component);
    changed
}

impl Snapshot {
    /// The memory of the module with the most data. `None` if there is none.
    fn read(component: &[u8]) -> Option<Self> {
        let mut best = Vec::new();
        let size = |segments: &[(usize, Range<usize>)]| -> usize {
            segments.iter().map(|(_, range)| range.len()).sum()
        };
        for payload in Parser::new(0).parse_all(component) {
            let Payload::DataSection(section) = payload.ok()? else {
                continue;
            };
            let mut segments = Vec::new();
            for data in section {
                let data = data.ok()?;
                if let DataKind::Active { offset_expr, .. } = data.kind
                    && let Operator::I32Const { value } =
                        offset_expr.get_operators_reader().read().ok()?
                {
                    let start = data.range.end - data.data.len();
                    let address = value.cast_unsigned() as usize;
                    segments.push((address, start..data.range.end));
                }
            }
            if size(&segments) > size(&best) {
                best = segments;
            }
        }
        let ends = best.iter().map(|(address, range)| address + range.len());
        let mut memory = vec![0; ends.max()?];
        for (address, range) in &best {
            memory[*address..address + range.len()].copy_from_slice(&component[range.clone()]);
        }
        Some(Self {
            memory,
            segments: best,
        })
    }

    fn write(&self, component: &mut [u8]) {
        for (address, range) in &self.segments {
            let bytes = &self.memory[*address..address + range.len()];
            component[range.clone()].copy_from_slice(bytes);
        }
    }

    fn word(&self, address: usize) -> Option<u32> {
        let bytes = self.memory.get(address..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }

    /// The note, which is told from what is left of its making by its sum.
    fn note(&self) -> Option<Note> {
        let mut from = 0;
        while let Some(found) = find(&self.memory[from..], MARK) {
            from += found + MARK.len();
            if let Some(note) = self.note_at(from) {
                return Some(note);
            }
        }
        None
    }

    fn note_at(&self, at: usize) -> Option<Note> {
        let (length, sum) = (self.word(at)? as usize, self.word(at + 4)?);
        let place = at + 8..(at + 8).checked_add(length)?;
        let words = self.memory.get(place.clone())?.chunks_exact(4);
        let words = words.map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        let words: Vec<u32> = words.collect();
        let total = words
            .iter()
            .fold(0_u32, |sum, word| sum.wrapping_add(*word));
        if length == 0 || !length.is_multiple_of(8) || total != sum {
            return None;
        }
        let pairs = words.chunks_exact(2);
        Some(Note {
            place,
            objects: pairs.map(|pair| (pair[0] as usize, pair[1])).collect(),
        })
    }
}

fn find(memory: &[u8], wanted: &[u8]) -> Option<usize> {
    memory
        .windows(wanted.len())
        .position(|bytes| bytes == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component whose memory has an object of type 64 at 16 with this count, and a note of it
    /// and of another object whose type does not fit.
    fn component(count: u32, wrong_sum: bool) -> Vec<u8> {
        let bytes = |words: &[u32]| -> String {
            let bytes = words.iter().flat_map(|word| word.to_le_bytes());
            bytes.map(|byte| format!("\\{byte:02x}")).collect()
        };
        let places = [16, 64, 24, 65];
        let sum = places.iter().sum::<u32>() + u32::from(wrong_sum);
        let mark: String = MARK.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let objects = bytes(&[count, 64, 1, 64]);
        // The mark stands in memory once more, without a note.
        let note = format!("{mark}{mark}{}{}", bytes(&[16, sum]), bytes(&places));
        wat::parse_str(format!(
            r#"(component (core module (memory 1)
                (data (i32.const 16) "{objects}") (data (i32.const 256) "{note}")))"#
        ))
        .unwrap()
    }

    fn counts(component: &[u8]) -> [Option<u32>; 2] {
        let snapshot = Snapshot::read(component).unwrap();
        [snapshot.word(16), snapshot.word(24)]
    }

    #[test]
    fn noted_objects_are_immortal() {
        let mut bytes = component(3, false);
        assert_eq!(make_immortal(&mut bytes), 1);
        // What is no object of the noted type stays as it is.
        assert_eq!(counts(&bytes), [Some(IMMORTAL), Some(1)]);
        // The note is gone, so that a second time nothing happens.
        assert_eq!(make_immortal(&mut bytes), 0);
    }

    #[test]
    fn the_sdk_writes_the_mark() {
        let sdk = include_str!("../../../../../../plugins/sdk/python/tollgate_runtime/heap.py");
        assert!(sdk.contains(r#"_MARK = b"tollgate:".join((b"", b"immortal objects\0"))"#));
        assert_eq!(MARK, b"tollgate:immortal objects\0");
    }

    #[test]
    fn what_is_no_mortal_object_stays() {
        for count in [0, IMMORTAL_FROM, IMMORTAL, u32::MAX] {
            let mut bytes = component(count, false);
            assert_eq!(make_immortal(&mut bytes), 0, "{count}");
            assert_eq!(counts(&bytes)[0], Some(count));
        }
    }

    #[test]
    fn a_damaged_note_is_not_believed() {
        let mut bytes = component(3, true);
        let before = bytes.clone();
        assert_eq!(make_immortal(&mut bytes), 0);
        assert_eq!(bytes, before);
        assert_eq!(make_immortal(&mut b"text".to_vec()), 0);
    }
}
