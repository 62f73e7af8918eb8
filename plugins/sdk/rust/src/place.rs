//! The place of a mistake in a JSON payload, as a path of fields.

/// A path is cut to this length in bytes: the keys of a payload may be of any length.
const LONGEST: usize = 200;

/// An object or array that is open at the place.
enum Open<'j> {
    /// An object, and the key of the member at the place.
    Object { key: Option<&'j [u8]>, value: bool },
    /// An array, and the index of the element at the place.
    Array { index: usize },
}

/// Returns an error's message with the path of the field before it, such as
/// `data.object.amount: invalid type: …`. The message stands alone if the JSON itself is broken, or
/// if the error names no place.
pub(crate) fn message(json: &[u8], error: &serde_json::Error) -> String {
    let text = error.to_string();
    let path = match error.is_data() {
        true => offset(json, error.line(), error.column()).map(|at| path(json, at)),
        false => None,
    };
    match path {
        Some(path) if !path.is_empty() => format!("{path}: {text}"),
        _ => text,
    }
}

/// Returns the offset of the last byte that was read before the error.
fn offset(json: &[u8], line: usize, column: usize) -> Option<usize> {
    let mut start = 0;
    for _ in 1..line {
        start += json[start..].iter().position(|&b| b == b'\n')? + 1;
    }
    let at = (start + column).checked_sub(1)?;
    (line > 0 && at < json.len()).then_some(at)
}

/// Returns the path of the value that the byte at this offset belongs to.
fn path(json: &[u8], last: usize) -> String {
    let mut open = Vec::new();
    let mut at = 0;
    while at <= last {
        match json[at] {
            b'"' => {
                let end = end_of_text(json, at);
                if let Some(Open::Object { key, value: false }) = open.last_mut() {
                    *key = Some(&json[at + 1..end]);
                }
                at = end;
            }
            b'{' => open.push(Open::Object {
                key: None,
                value: false,
            }),
            b'[' => open.push(Open::Array { index: 0 }),
            // An object that ends at the place lacks a field. After the pop, the path ends with the
            // key of that object.
            b'}' | b']' => {
                open.pop();
            }
            b':' => {
                if let Some(Open::Object { value, .. }) = open.last_mut() {
                    *value = true;
                }
            }
            b',' => match open.last_mut() {
                Some(Open::Object { value, .. }) => *value = false,
                Some(Open::Array { index }) => *index += 1,
                None => {}
            },
            _ => {}
        }
        at += 1;
    }
    written(&open)
}

/// Returns the offset of the quotation mark that ends the text which begins here.
fn end_of_text(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < json.len() && json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    at.min(json.len())
}

fn written(open: &[Open<'_>]) -> String {
    let mut path = String::new();
    for level in open {
        match level {
            Open::Object { key: Some(key), .. } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&String::from_utf8_lossy(key));
            }
            Open::Object { key: None, .. } => {}
            Open::Array { index } => path.push_str(&format!("[{index}]")),
        }
    }
    if path.len() > LONGEST {
        let end = path.floor_char_boundary(LONGEST);
        path.truncate(end);
        path.push('…');
    }
    path
}
