//! Requests by which a provider checks that an endpoint is ours. They carry no event.

use http::{Method, StatusCode};
use serde::Deserialize;

use crate::answer::Answer;
use crate::form;
use crate::request::Request;
use tollgate_base::json::{self, PointerSet};

/// The shortest and the longest text that is signed for a stranger.
const SIGNABLE: std::ops::RangeInclusive<usize> = 8..=128;

/// A request by which the provider checks that the endpoint is ours, and the answer to it. Such a
/// request has no signature header. At most one of `query`, `json` and `form` is set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeForm {
    /// The method: GET, HEAD or POST.
    pub method: ChallengeMethod,
    /// The parameter of the query that must be there.
    pub query: Option<String>,
    /// The JSON pointer to a text that must be in the body.
    pub json: Option<String>,
    /// The only field of the form that is the body.
    pub form: Option<String>,
    /// The body of the answer. `{value}` is the value of the parameter, text or field, `{hmac}` the
    /// signature of the value. Default: no body.
    #[serde(default)]
    pub answer: String,
    /// The type of that body. Default `text/plain`.
    pub content_type: Option<String>,
}

/// The method of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ChallengeMethod {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
}

impl ChallengeForm {
    /// The mistake in this challenge.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let named = [&self.query, &self.json, &self.form];
        let named = named.iter().filter(|name| name.is_some()).count();
        let has_body = self.json.is_some() || self.form.is_some();
        let names_value = ["{value}", "{hmac}"]
            .iter()
            .any(|name| self.answer.contains(name));
        if named > 1 {
            Some("name one of `query`, `json` and `form`")
        } else if has_body != (self.method == ChallengeMethod::Post) {
            Some("a POST needs `json` or `form`, and no other method has a body")
        } else if names_value && named == 0 {
            Some(
                "`answer` has a {value} or {hmac}; say where the value stands: `query`, `json`, `form`",
            )
        } else if self
            .json
            .as_ref()
            .is_some_and(|json| PointerSet::new(&[json]).is_err())
        {
            Some("`json` is a JSON pointer and begins with `/`")
        } else {
            None
        }
    }

    /// Whether the answer holds a signature.
    fn signs(&self) -> bool {
        self.answer.contains("{hmac}")
    }

    /// The answer, if the request is this challenge. `sign` makes the text of a signature.
    pub(super) fn answer(
        &self,
        request: &Request<'_>,
        sign: impl Fn(&[u8]) -> Option<String>,
    ) -> Option<Answer> {
        let method = match self.method {
            ChallengeMethod::Get => Method::GET,
            ChallengeMethod::Head => Method::HEAD,
            ChallengeMethod::Post => Method::POST,
        };
        if *request.method != method {
            return None;
        }
        let value = match self.asks_value() {
            true => self.value(request)?,
            false => String::new(),
        };
        let mut body = self.answer.clone();
        if self.signs() {
            // A longer text could be a body that an attacker wants to have signed.
            let plain = value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            if !plain || !SIGNABLE.contains(&value.len()) {
                return None;
            }
            body = body.replace("{hmac}", &sign(value.as_bytes())?);
        }
        let body = body.replace("{value}", &value);
        let content_type = self.content_type.as_deref().unwrap_or("text/plain");
        Some(Answer {
            status: StatusCode::OK,
            content_type: (!body.is_empty()).then(|| content_type.to_owned()),
            body: body.into(),
        })
    }

    fn asks_value(&self) -> bool {
        self.query.is_some() || self.json.is_some() || self.form.is_some()
    }

    fn value(&self, request: &Request<'_>) -> Option<String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        if let Some(name) = &self.query {
            let (_, query) = request.url.split_once('?')?;
            return text(&form::single(query.as_bytes(), name)?);
        }
        if let Some(name) = &self.form {
            let mut fields = form::pairs(request.body);
            let (field, value) = fields.next()?;
            let alone = fields.next().is_none() && *field == *name.as_bytes();
            return text(&value).filter(|_| alone);
        }
        let pointer = PointerSet::new(&[self.json.as_ref()?]).ok()?;
        let found = json::pluck_borrowed(request.body, &pointer).ok()?.pop()??;
        found.as_text().map(str::to_owned)
    }
}
