//! The answers of a template.

use http::StatusCode;

use super::check::Mistakes;
use super::template::{AnswerForm, Answers};
use crate::answer::{Answer, RequestOutcome};

/// The answer to each outcome of a request.
pub(super) struct OwnAnswers {
    accepted: Answer,
    duplicate: Answer,
    rejected: Answer,
}

impl OwnAnswers {
    /// The answers of a template, with the defaults for those that are absent.
    pub(super) fn new(forms: &Answers, mistakes: &mut Mistakes) -> Self {
        let mut answer = |key: &str, form: Option<&AnswerForm>, default: StatusCode| {
            form.map_or_else(
                || Answer::empty(default),
                |form| described(key, form, default, mistakes),
            )
        };
        let accepted = answer("answers.accepted", forms.accepted.as_ref(), StatusCode::OK);
        let duplicate = forms.duplicate.as_ref().or(forms.accepted.as_ref());
        let duplicate = answer("answers.duplicate", duplicate, StatusCode::OK);
        let rejected = forms.rejected.as_ref();
        let rejected = answer("answers.rejected", rejected, StatusCode::BAD_REQUEST);
        if !accepted.status.is_success() || !duplicate.status.is_success() {
            mistakes.add(
                "answers",
                "the status for `accepted` and `duplicate` must be 2xx",
            );
        }
        if rejected.status.is_success() || rejected.status.is_informational() {
            mistakes.add(
                "answers.rejected",
                "the status must not be 2xx: the provider would take the event for received",
            );
        }
        Self {
            accepted,
            duplicate,
            rejected,
        }
    }

    /// The answer to a request with this outcome.
    pub(super) fn answer(&self, outcome: RequestOutcome) -> Answer {
        match outcome {
            RequestOutcome::Accepted => self.accepted.clone(),
            RequestOutcome::Duplicate => self.duplicate.clone(),
            RequestOutcome::Rejected => self.rejected.clone(),
        }
    }
}

fn described(key: &str, form: &AnswerForm, default: StatusCode, mistakes: &mut Mistakes) -> Answer {
    let status = StatusCode::from_u16(form.status).unwrap_or_else(|_| {
        mistakes.add(key, format!("{} is no HTTP status", form.status));
        default
    });
    let content_type = form.content_type.as_deref().unwrap_or("text/plain");
    Answer {
        status,
        content_type: (!form.body.is_empty()).then(|| content_type.to_owned()),
        body: form.body.clone().into(),
    }
}
