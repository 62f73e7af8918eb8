//! The context of a trace: which trace and span something belongs to, as W3C's Trace Context has
//! it.

use std::fmt;
use std::str::FromStr;

use http::HeaderMap;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The header, and the name in an event's metadata, of trace, span and flags.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// The header, and the name in an event's metadata, of what tracing systems add.
pub(crate) const TRACESTATE: &str = "tracestate";

/// Whether a header is one of the two.
pub(crate) fn is_of_trace(name: &str) -> bool {
    [TRACEPARENT, TRACESTATE]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// The most bytes of a `tracestate` that are passed on: as many as every system must pass on (W3C
/// Trace Context, section 3.3.1.5).
const MAX_STATE: usize = 512;

/// The most members of a `tracestate` (section 3.3.1.1).
const MAX_MEMBERS: usize = 32;

/// A place in a trace: where the next span goes.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceContext(pub(super) SpanContext);

impl TraceContext {
    /// The context that a request brings. `None` if there is none, or if it is malformed: then the
    /// request begins a trace of its own.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let parent = parents.next()?.to_str().ok()?;
        if parents.next().is_some() {
            return None;
        }
        let states: Option<Vec<_>> = headers
            .get_all(TRACESTATE)
            .iter()
            .map(|state| state.to_str().ok())
            .collect();
        Self::read(parent, &states.unwrap_or_default().join(","))
    }

    /// The context that pairs of names and values hold: an event's metadata, or the headers of a
    /// request in the outbox.
    pub(crate) fn of_pairs<'a>(
        pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Option<Self> {
        let find = |wanted: &str| {
            let mut found = pairs.clone();
            let found = found.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value)
        };
        Self::read(find(TRACEPARENT)?, find(TRACESTATE).unwrap_or_default())
    }

    fn read(parent: &str, state: &str) -> Option<Self> {
        let (trace, span, flags) = parse(parent.trim_matches([' ', '\t']))?;
        let state = read_state(state);
        Some(Self(SpanContext::new(trace, span, flags, true, state)))
    }

    /// The ids and the flags.
    pub(crate) fn parts(&self) -> (TraceId, SpanId, TraceFlags) {
        (self.0.trace_id(), self.0.span_id(), self.0.trace_flags())
    }

    /// Whether somebody sees the spans of the trace.
    pub(crate) fn is_sampled(&self) -> bool {
        self.0.is_sampled()
    }

    /// The names and values that carry the context on.
    pub(crate) fn to_pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let state = self.0.trace_state().header();
        let state = (!state.is_empty()).then_some((TRACESTATE, state));
        std::iter::once((TRACEPARENT, self.to_string())).chain(state)
    }

    /// The same with owned names, as metadata and headers of events and requests have them.
    pub(crate) fn to_owned_pairs(&self) -> impl Iterator<Item = (String, String)> {
        self.to_pairs()
            .map(|(name, value)| (name.to_owned(), value))
    }
}

impl fmt::Display for TraceContext {
    /// The value of `traceparent`, in version 00.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.0.is_sampled());
        write!(
            f,
            "00-{:032x}-{:016x}-{flags:02x}",
            self.0.trace_id(),
            self.0.span_id()
        )
    }
}

/// Reads a `traceparent`. Of the flags, "sampled" alone counts: the others have no meaning yet.
fn parse(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (version, rest) = text.split_once('-')?;
    let version = hex(version, 2)?;
    let mut parts = rest.splitn(4, '-');
    let trace = u128_of(parts.next()?)?;
    let span = hex(parts.next()?, 16)?;
    let flags = hex(parts.next()?, 2)?;
    // A later version may have more after another dash. Version 00 ends here, and ff is none.
    let is_whole = parts.next().is_none() || version != 0;
    let is_valid = version != 0xff && trace != 0 && span != 0 && is_whole;
    let flags = TraceFlags::new(flags as u8 & 1);
    is_valid.then(|| (TraceId::from(trace), SpanId::from(span), flags))
}

fn u128_of(text: &str) -> Option<u128> {
    let (high, low) = text.split_at_checked(16)?;
    Some(u128::from(hex(high, 16)?) << 64 | u128::from(hex(low, 16)?))
}

/// A number of so many lower-case digits.
fn hex(text: &str, digits: usize) -> Option<u64> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_number = text.len() == digits && text.bytes().all(is_hex);
    is_number
        .then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
}

/// What tracing systems added. A malformed or overlong state is left out: the trace counts.
fn read_state(text: &str) -> TraceState {
    let members: Vec<_> = text
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']))
        .filter(|member| !member.is_empty())
        .collect();
    let text = members.join(",");
    // The crate takes a member without a name.
    let is_nameless = members.iter().any(|member| member.starts_with('='));
    if is_nameless || text.is_empty() || text.len() > MAX_STATE || members.len() > MAX_MEMBERS {
        return TraceState::default();
    }
    TraceState::from_str(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        let context = TraceContext::of_pairs(pairs.iter().copied())?;
        Some(context.to_owned_pairs().collect())
    }

    /// What is passed on of one `traceparent`.
    fn parent(text: &str) -> Option<String> {
        let pairs = read(&[(TRACEPARENT, text)])?;
        Some(pairs[0].1.clone())
    }

    #[test]
    fn a_parent_is_passed_on_in_version_00_with_the_sampled_flag_alone() {
        assert_eq!(parent(PARENT).unwrap(), PARENT);
        for (given, flags) in [("00", "00"), ("ff", "01"), ("02", "00"), ("03", "01")] {
            let with = |flags| format!("{}{flags}", &PARENT[..PARENT.len() - 2]);
            assert_eq!(parent(&with(given)).unwrap(), with(flags));
        }
        let later = PARENT.replacen("00", "cc", 1);
        assert_eq!(parent(&later).unwrap(), PARENT);
        assert_eq!(parent(&format!("{later}-what-may-come")).unwrap(), PARENT);
        assert_eq!(parent(&format!(" {PARENT}\t")).unwrap(), PARENT);
    }

    #[test]
    fn a_malformed_parent_is_no_parent() {
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319cc-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43d\u{e9}448eb211c80319c-b7ad6b7169203331-01",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        ] {
            assert_eq!(parent(text), None, "{text}");
        }
    }

    #[test]
    fn a_state_is_passed_on_if_it_is_well_formed_and_short() {
        let state = |text: &str| {
            let pairs = read(&[(TRACEPARENT, PARENT), (TRACESTATE, text)]).unwrap();
            pairs.get(1).map(|(_, value)| value.clone())
        };
        assert_eq!(state("a=1,b@c=2").as_deref(), Some("a=1,b@c=2"));
        assert_eq!(state(" a=1 ,, b=2 ").as_deref(), Some("a=1,b=2"));
        for bad in ["", "a", "A=1", "=1", &format!("a={}", "x".repeat(600))] {
            assert_eq!(state(bad), None, "{bad}");
        }
        let many: Vec<_> = (0..33).map(|n| format!("k{n}=1")).collect();
        assert_eq!(state(&many.join(",")), None);
    }

    #[test]
    fn a_request_with_two_parents_has_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(TraceContext::of_headers(&headers), None);
        headers.append(TRACEPARENT, PARENT.parse().unwrap());
        headers.append(TRACESTATE, "a=1".parse().unwrap());
        headers.append(TRACESTATE, "b=2".parse().unwrap());
        let context = TraceContext::of_headers(&headers).unwrap();
        let pairs: Vec<_> = context.to_pairs().collect();
        let expected = [
            (TRACEPARENT, PARENT.to_owned()),
            (TRACESTATE, "a=1,b=2".to_owned()),
        ];
        assert_eq!(pairs, expected);
        headers.append(TRACEPARENT, PARENT.parse().unwrap());
        assert_eq!(TraceContext::of_headers(&headers), None);
    }
}
