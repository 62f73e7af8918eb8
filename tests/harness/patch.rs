//! A component that is as good as another one until it is called.

/// The component with its `handle` overwritten: it traps on every event.
pub(crate) fn trapping(wasm: &[u8]) -> Vec<u8> {
    let sections = sections(wasm);
    let of = |id: u8| {
        let found = sections.iter().find(|(found, ..)| *found == id);
        let (_, start, end) = found.expect("the section is there");
        (*start, *end)
    };
    let local = exported(wasm, of(7).0) - imported_functions(wasm, of(2).0);
    let (at, length) = body(wasm, of(10).0, local);
    let mut bad = wasm.to_vec();
    // No locals, `unreachable`, as many `nop` as it takes, `end`.
    bad[at..at + length].fill(0x01);
    bad[at] = 0;
    bad[at + 1] = 0;
    bad[at + length - 1] = 0x0b;
    bad
}

/// Sections as (id, start, end).
fn sections(wasm: &[u8]) -> Vec<(u8, usize, usize)> {
    let mut found = Vec::new();
    let mut at = 8;
    while at < wasm.len() {
        let id = wasm[at];
        at += 1;
        let length = number(wasm, &mut at);
        found.push((id, at, at + length));
        at += length;
    }
    found
}

/// The index of the function that is exported as `handle`.
fn exported(wasm: &[u8], mut at: usize) -> usize {
    for _ in 0..number(wasm, &mut at) {
        let name = name(wasm, &mut at);
        let kind = wasm[at];
        at += 1;
        let index = number(wasm, &mut at);
        if kind == 0 && name == b"handle" {
            return index;
        }
    }
    panic!("no `handle` is exported");
}

/// How many functions are imported. (All imports of a guest of ours are functions.)
fn imported_functions(wasm: &[u8], mut at: usize) -> usize {
    let imports = number(wasm, &mut at);
    for _ in 0..imports {
        name(wasm, &mut at);
        name(wasm, &mut at);
        assert_eq!(wasm[at], 0, "only functions are imported");
        at += 1;
        number(wasm, &mut at);
    }
    imports
}

/// Where the body of a function stands, and its length.
fn body(wasm: &[u8], mut at: usize, index: usize) -> (usize, usize) {
    number(wasm, &mut at);
    for _ in 0..index {
        let length = number(wasm, &mut at);
        at += length;
    }
    let length = number(wasm, &mut at);
    (at, length)
}

fn name<'a>(wasm: &'a [u8], at: &mut usize) -> &'a [u8] {
    let length = number(wasm, at);
    let start = *at;
    *at += length;
    &wasm[start..*at]
}

/// An unsigned LEB128 number.
fn number(wasm: &[u8], at: &mut usize) -> usize {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = wasm[*at];
        *at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return number;
        }
    }
}
