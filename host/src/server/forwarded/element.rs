//! Reads a line of `Forwarded` (RFC 7239, section 4).

use super::node::{Hop, Node, node};

/// The elements of a line, in its order; `None` if the line is not in the form of the standard.
/// Blanks around `;` are allowed, because some proxies write them.
pub(super) fn elements(line: &str) -> Option<Vec<Hop>> {
    let mut rest = line;
    let mut hops = Vec::new();
    loop {
        let (hop, after) = element(rest)?;
        hops.push(hop);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return after.is_empty().then_some(hops),
        }
    }
}

/// The first element of a text, and the text that follows it.
fn element(text: &str) -> Option<(Hop, &str)> {
    let (mut from, mut proto) = (None, None);
    let mut rest = text;
    loop {
        let (name, value, after) = pair(blanks(rest))?;
        let place = match name {
            name if name.eq_ignore_ascii_case("for") => Some(&mut from),
            name if name.eq_ignore_ascii_case("proto") => Some(&mut proto),
            _ => None,
        };
        if place.is_some_and(|place| place.replace(value).is_some()) {
            return None;
        }
        let after = blanks(after);
        match after.strip_prefix(';') {
            Some(after) => rest = after,
            None => {
                let node = from.map_or(Node::Hidden, |from| node(&from));
                let https = proto.map(|proto| proto.eq_ignore_ascii_case("https"));
                return Some((Hop { node, https }, after));
            }
        }
    }
}

/// The name and the value at the start of a text, and the text that follows them.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = token(text)?;
    let rest = rest.strip_prefix('=')?;
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, rest) = quoted_string(quoted)?;
        return Some((name, value, rest));
    }
    let (value, rest) = token(rest)?;
    Some((name, value.to_owned(), rest))
}

/// The text up to the closing quote, without backslashes, and the text after the quote.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => value.push(characters.next()?.1),
            (_, character) => value.push(character),
        }
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let in_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !in_token(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Vec<(Node, Option<bool>)>> {
        let hops = elements(line)?;
        Some(hops.into_iter().map(|hop| (hop.node, hop.https)).collect())
    }

    fn at(address: &str) -> Node {
        Node::Address(address.parse().unwrap())
    }

    #[test]
    fn lines_of_the_standard_are_read() {
        // The examples of RFC 7239, section 4.
        assert_eq!(read("for=\"_gazonk\""), Some(vec![(Node::Hidden, None)]));
        assert_eq!(
            read("For=\"[2001:db8:cafe::17]:4711\""),
            Some(vec![(at("2001:db8:cafe::17"), None)])
        );
        assert_eq!(
            read("for=192.0.2.60;proto=http;by=203.0.113.43"),
            Some(vec![(at("192.0.2.60"), Some(false))])
        );
        assert_eq!(
            read("for=192.0.2.43, for=198.51.100.17"),
            Some(vec![(at("192.0.2.43"), None), (at("198.51.100.17"), None)])
        );
        let odd = "by=\"a,b;\\\"c\" ; proto=HTTPS; For = x";
        assert_eq!(read(odd), None, "no blanks around =");
        let odd = "\tby=\"a,b;\\\"c\" ; proto=HTTPS;\tFor=192.0.2.43 ,secret=_x";
        let expected = vec![(at("192.0.2.43"), Some(true)), (Node::Hidden, None)];
        assert_eq!(read(odd), Some(expected));
    }

    #[test]
    fn other_lines_are_not() {
        for line in [
            "",
            ",",
            "for",
            "for=",
            "=x",
            "for=\"x",
            "for=\"x\\",
            "for=x;",
            "for=x y",
            "for=x,,for=y",
            "for=x;FOR=y",
            "proto=http;proto=https",
            "for=\"x\"y",
            "for=[::1]",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
