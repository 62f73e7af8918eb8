//! Names of functions as their language writes them.

/// The name as its language writes it: of Rust, and the path of a name of D. Other compilers write
/// names that people can read.
pub(crate) fn demangled(name: &str) -> String {
    d(name).unwrap_or_else(|| format!("{:#}", rustc_demangle::demangle(name)))
}

/// The path of a name of D, such as `handler.onEvent`: `_D`, then each part after its length, then
/// the type (D's specification, "Name Mangling").
fn d(name: &str) -> Option<String> {
    let mut rest = name.strip_prefix("_D")?;
    let mut path = Vec::new();
    while let Some(end) = rest
        .find(|c: char| !c.is_ascii_digit())
        .filter(|end| *end > 0)
    {
        let length: usize = rest[..end].parse().ok()?;
        path.push(rest.get(end..end.checked_add(length)?)?);
        rest = &rest[end + length..];
    }
    (!path.is_empty()).then(|| path.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_language() {
        for (mangled, name) in [
            (
                "_D7handler7onEventFKxS8tollgate5EventZSQr7Outcome",
                "handler.onEvent",
            ),
            ("_RNvC7handler6handle", "handler::handle"),
            ("handle", "handle"),
            // No names of D.
            ("_D", "_D"),
            ("_D99short", "_D99short"),
            ("_D99999999999999999999999x", "_D99999999999999999999999x"),
            ("_D1é", "_D1é"),
        ] {
            assert_eq!(demangled(mangled), name);
        }
    }
}
