//! The memory of a request's head.

use bytes::Bytes;
use http::{HeaderValue, Uri, header};
use hyper::Request;

/// The memory of a request beside its head and body: its task, its stream, its response.
const REQUEST: usize = 4 * 1024;
/// The memory of one header field beside its name and value: its places in the map of headers, and
/// the allocations of both texts.
const FIELD: usize = 256;

/// The memory that is held for a request until its body arrives, in bytes.
pub(super) fn memory<B>(request: &Request<B>) -> usize {
    let fields = request.headers().iter();
    let fields: usize = fields
        .map(|(name, value)| FIELD + name.as_str().len() + value.len())
        .sum();
    let uri = request.uri();
    let authority = uri
        .authority()
        .map_or(0, |authority| authority.as_str().len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    REQUEST + fields + authority + path
}

/// Copies the texts of an HTTP/2 head. As they come from h2, they are parts of the buffer that a
/// frame was read into: a short text would keep the whole buffer.
pub(super) fn compact<B>(request: &mut Request<B>) {
    for value in request.headers_mut().values_mut() {
        let copied = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(value.as_bytes()));
        if let Ok(mut copied) = copied {
            copied.set_sensitive(value.is_sensitive());
            *value = copied;
        }
    }
    if let Ok(uri) = Uri::try_from(request.uri().to_string()) {
        *request.uri_mut() = uri;
    }
}

/// The bytes of the body that the head announces; `None` if it does not say how many follow.
pub(super) fn announced<B>(request: &Request<B>) -> Option<u64> {
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    match request.headers().get(header::CONTENT_LENGTH) {
        None => Some(0),
        Some(length) => length.to_str().ok()?.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, Version};

    use super::*;

    #[test]
    fn a_copied_head_is_the_same_head() {
        let request = || {
            Request::post("http://localhost:80/hooks/stripe?a=%20b")
                .version(Version::HTTP_2)
                .header("stripe-signature", "t=1,v1=00")
                .header("twice", "a")
                .header("twice", HeaderValue::from_bytes(b"\xff b").unwrap())
                .body(())
                .unwrap()
        };
        let mut copied = request();
        compact(&mut copied);
        assert_eq!(copied.headers(), request().headers());
        assert_eq!(copied.uri(), request().uri());
        assert_eq!(copied.method(), Method::POST);
        assert_eq!(memory(&copied), memory(&request()));
        let empty = Request::new(());
        assert_eq!(empty.headers(), &HeaderMap::new());
        assert_eq!(memory(&empty), REQUEST + "/".len());
    }
}
