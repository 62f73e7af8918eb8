//! Immediate requests in WebAssembly: the interfaces of `wasi:http`.

use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme,
};
use wasi::io::streams::StreamError;

use crate::error::HttpProblem;
use crate::values::{HttpAnswer as Answer, HttpParts as Parts};

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        dead_code,
        clippy::all,
        reason = "generated"
    )]

    wit_bindgen::generate!({
        path: "wit/http",
        world: "tollgate:http/http",
        generate_all,
    });
}

use bindings::wasi;

/// The most bytes that one blocking write may have, by the specification of `wasi:io`.
const CHUNK: usize = 4096;

/// Sends a request and waits for the whole answer.
pub(crate) fn http_send(parts: &Parts) -> Result<Answer, HttpProblem> {
    let request = outgoing(parts)?;
    let body = request.body().map_err(|()| invalid("its body is taken"))?;
    let future = outgoing_handler::handle(request, options(parts)?).map_err(problem)?;
    // The gateway may have denied the request already, and then takes no body.
    if write(&body, &parts.body).is_ok() {
        OutgoingBody::finish(body, None).map_err(problem)?;
    }
    read(&wait(&future)?)
}

fn outgoing(parts: &Parts) -> Result<OutgoingRequest, HttpProblem> {
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let headers = Fields::from_list(&headers)
        .map_err(|error| invalid(&format!("its headers are refused: {error}")))?;
    let (scheme, rest) = parts
        .url
        .split_once("://")
        .ok_or_else(|| invalid("it is no absolute URL"))?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = match path {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(invalid("it must begin with https:// or http://")),
    };
    let request = OutgoingRequest::new(headers);
    request
        .set_method(&method(&parts.method))
        .map_err(|()| invalid("its method is malformed"))?;
    request
        .set_scheme(Some(&scheme))
        .map_err(|()| invalid("its scheme is malformed"))?;
    request
        .set_authority(Some(authority))
        .map_err(|()| invalid("its host is malformed"))?;
    request
        .set_path_with_query(Some(&path))
        .map_err(|()| invalid("its path is malformed"))?;
    Ok(request)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn options(parts: &Parts) -> Result<Option<RequestOptions>, HttpProblem> {
    let Some(timeout) = parts.timeout else {
        return Ok(None);
    };
    let options = RequestOptions::new();
    let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    options
        .set_first_byte_timeout(Some(nanos))
        .map_err(|()| invalid("its timeout is refused"))?;
    Ok(Some(options))
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> Result<(), StreamError> {
    let Ok(stream) = body.write() else {
        return Err(StreamError::Closed);
    };
    bytes
        .chunks(CHUNK)
        .try_for_each(|chunk| stream.blocking_write_and_flush(chunk))
}

fn wait(future: &FutureIncomingResponse) -> Result<IncomingResponse, HttpProblem> {
    loop {
        match future.get() {
            Some(Ok(answer)) => return answer.map_err(problem),
            Some(Err(())) => return Err(HttpProblem::NoAnswer("it was taken before".into())),
            None => future.subscribe().block(),
        }
    }
}

fn read(response: &IncomingResponse) -> Result<Answer, HttpProblem> {
    let broken = || HttpProblem::NoAnswer("the answer has no body to read".into());
    let headers = response.headers().entries().into_iter();
    let headers = headers.map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()));
    let headers = headers.collect();
    let body = response.consume().map_err(|()| broken())?;
    let stream = body.stream().map_err(|()| broken())?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(HttpProblem::NoAnswer(error.to_debug_string()));
            }
        }
    }
    Ok(Answer {
        status: response.status(),
        headers,
        body: bytes,
    })
}

fn invalid(text: &str) -> HttpProblem {
    HttpProblem::Invalid(text.to_owned())
}

fn problem(code: ErrorCode) -> HttpProblem {
    match code {
        ErrorCode::HttpRequestDenied => HttpProblem::Denied,
        ErrorCode::HttpResponseTimeout => HttpProblem::Timeout,
        ErrorCode::HttpRequestMethodInvalid => invalid("its method is malformed"),
        ErrorCode::HttpRequestUriInvalid => invalid("its URL is malformed"),
        other => HttpProblem::NoAnswer(other.to_string()),
    }
}
