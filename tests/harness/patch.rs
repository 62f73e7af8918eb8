//! A component that loads like a good one and traps when it is called.

/// Returns the component with an overwritten `handle`, which traps on every event.
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
    // The new body: no locals, `unreachable`, `nop` as padding, `end`.
    bad[at..at + length].fill(0x01);
    bad[at] = 0;
    bad[at + 1] = 0;
    bad[at + length - 1] = 0x0b;
    bad
}

/// Returns the sections as (id, start, end).
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

/// Returns the index of the function that is exported as `handle`.
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

/// Returns the number of imported functions. All imports of our guests are functions.
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

/// Returns the place and the length of a function's body.
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

/// Reads an unsigned LEB128 number.
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
