//! `tollgate:ask`: a request and its answer in one call.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::json;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::ask::Ask;
use crate::bindings::ask::tollgate::ask::http as wit;
use crate::call::Call;
use crate::http::{NoAnswer, NoAnswerKind, is_forbidden};
use tollgate_ledger::ExchangeAnswer;

/// Adds the function that guests import.
pub(crate) fn add_to_linker(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
    Ask::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)
}

impl wit::Host for Call {
    async fn send(
        &mut self,
        asked: wit::Request,
    ) -> wasmtime::Result<Result<wit::Answer, wit::Error>> {
        let call = self.begin(
            "http.send",
            || json!({ "method": asked.method, "url": asked.url }),
        )?;
        let patience = asked.timeout_ms.map(Duration::from_millis);
        let answered = match request(asked) {
            Ok(request) => self.requests().send(request, patience).await,
            Err(invalid) => Err(invalid),
        };
        self.end(call, || match &answered {
            Ok(answer) => json!({ "ok": answer.status }),
            Err(why) => json!({ "error": why.text }),
        });
        Ok(answered.map(lower).map_err(error))
    }
}

/// The request, or what is wrong with it.
fn request(asked: wit::Request) -> Result<Request<Bytes>, NoAnswer> {
    let invalid = |text| NoAnswer::new(NoAnswerKind::Invalid, text);
    let mut request = Request::builder().method(&*asked.method).uri(&*asked.url);
    for (name, value) in &asked.headers {
        if is_forbidden(name) {
            let text = format!("the header `{name}` is the gateway's to set");
            return Err(invalid(text));
        }
        request = request.header(name, value);
    }
    let built = request.body(Bytes::from(asked.body));
    built.map_err(|error| invalid(format!("the request is malformed: {error}")))
}

fn lower(answer: ExchangeAnswer) -> wit::Answer {
    wit::Answer {
        status: answer.status,
        headers: answer.headers,
        body: answer.body.into(),
    }
}

fn error(why: NoAnswer) -> wit::Error {
    match why.kind {
        NoAnswerKind::Invalid | NoAnswerKind::RequestTooLarge(_) => wit::Error::Invalid(why.text),
        NoAnswerKind::Denied | NoAnswerKind::Prohibited => wit::Error::Denied(why.text),
        NoAnswerKind::Timeout => wit::Error::Timeout(why.text),
        _ => wit::Error::NoAnswer(why.text),
    }
}
