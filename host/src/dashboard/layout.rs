//! The frame of every page.

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use super::refused::Refused;
use super::session::{Said, Session};

/// The sections, with their paths.
const SECTIONS: [(&str, &str); 9] = [
    ("Overview", "/ui"),
    ("Events", "/ui/events"),
    ("Deliveries", "/ui/deliveries"),
    ("Dead letters", "/ui/dead"),
    ("Outbox", "/ui/outbox"),
    ("Rejections", "/ui/rejections"),
    ("Handlers", "/ui/handlers"),
    ("Sources", "/ui/sources"),
    ("Manifest", "/ui/manifest"),
];

/// A whole page.
#[derive(Debug)]
pub(super) struct Page {
    status: StatusCode,
    markup: Markup,
}

impl Page {
    /// A page of a section. An open page fetches itself again after changes.
    pub(super) fn new(
        title: &str,
        section: &str,
        session: &Session,
        said: Option<&Said>,
        body: &Markup,
    ) -> Self {
        let markup = html! {
            (head(title))
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    a.brand href="/ui" { "Tollgate" }
                    nav aria-label="Sections" {
                        @for (name, path) in SECTIONS {
                            a href=(path) aria-current=[(name == section).then_some("page")] { (name) }
                        }
                    }
                    span.live #live title="Changes are shown as they happen" { "…" }
                    (operator(session))
                }
                main #main tabindex="-1" data-live {
                    @if let Some(said) = said {
                        p.said.wrong[!said.done] role="status" { (said.text) }
                    }
                    (body)
                }
            }
        };
        Self {
            status: StatusCode::OK,
            markup,
        }
    }

    /// A page that says what is wrong with the request.
    pub(super) fn wrong(message: &str) -> Self {
        Refused::new(StatusCode::BAD_REQUEST, message).into()
    }
}

impl From<Refused> for Page {
    fn from(refused: Refused) -> Self {
        let body = html! {
            main #main {
                h1 { (refused.status.canonical_reason().unwrap_or("Not done")) }
                p { (refused.message) }
                p { a href="/ui" { "Overview" } }
            }
        };
        Self {
            status: refused.status,
            markup: bare("Not done", &body),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        Page::from(self).into_response()
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        (self.status, Html(self.markup.into_string())).into_response()
    }
}

/// A page without sections.
pub(super) fn bare(title: &str, body: &Markup) -> Markup {
    html! {
        (head(title))
        body.bare { (body) }
    }
}

fn head(title: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en";
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · Tollgate" }
            link rel="stylesheet" href="/ui/style.css";
            link rel="icon" href="data:,";
            script src="/ui/script.js" defer {}
        }
    }
}

/// Who is signed in, and the way out. Who reaches a listener without tokens has not signed in.
fn operator(session: &Session) -> Markup {
    html! {
        @if let Some(name) = &session.operator.name {
            form.inline method="post" action="/ui/sign-out" {
                (super::parts::form_token(session))
                button.quiet { (name) " · sign out" }
            }
        }
    }
}
