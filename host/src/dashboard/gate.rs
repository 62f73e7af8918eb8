//! Who may see the dashboard: sign-in with a token of the admin service, and the headers that keep
//! other sites and injected scripts out.

use axum::Form;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use maud::html;
use serde::Deserialize;
use tollgate_base::secret::equal;

use super::layout;
use super::session::{ROOT, Session, take_cookie};
use super::shared::Dashboard;
use crate::server::{Operator, is_of_another_site};
use crate::settings::AdminToken;

/// What a browser may load and where forms may go: to this origin alone.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The form of the sign-in.
#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
}

/// Lets a request with a session pass. Without tokens in the manifest everybody gets a session.
pub(super) async fn check(
    State(dashboard): State<Dashboard>,
    mut request: Request,
    next: Next,
) -> Response {
    let tokens = (dashboard.tokens)();
    let holds = |operator: &Operator| still_holds(operator, &tokens);
    if let Some(session) = dashboard.sessions.of(request.headers(), holds) {
        request.extensions_mut().insert(session.operator.clone());
        request.extensions_mut().insert(session);
        return next.run(request).await;
    }
    if !tokens.is_empty() || *request.method() != Method::GET {
        return match *request.method() {
            Method::GET => Redirect::to("/ui/sign-in").into_response(),
            _ => (
                StatusCode::FORBIDDEN,
                "the session has ended: sign in again\n",
            )
                .into_response(),
        };
    }
    match dashboard.sessions.begin(Operator::LOCAL) {
        Ok(session) => {
            let cookie = session.set_cookie();
            request.extensions_mut().insert(session.operator.clone());
            request.extensions_mut().insert(session);
            with_cookie(next.run(request).await, &cookie)
        }
        Err(error) => no_session(&error),
    }
}

/// Whether the operator of a session may still ask.
fn still_holds(operator: &Operator, tokens: &[AdminToken]) -> bool {
    match &operator.name {
        None => tokens.is_empty(),
        Some(name) => tokens
            .iter()
            .any(|token| token.name == *name && token.role == operator.role),
    }
}

/// The page that asks for a token.
pub(super) async fn ask(State(dashboard): State<Dashboard>) -> Response {
    match (dashboard.tokens)().is_empty() {
        true => Redirect::to(ROOT).into_response(),
        false => sign_in_page(StatusCode::OK, None),
    }
}

/// Begins a session for the operator of a token.
pub(super) async fn sign_in(
    State(dashboard): State<Dashboard>,
    headers: HeaderMap,
    Form(SignIn { token }): Form<SignIn>,
) -> Response {
    if is_of_another_site(&headers) {
        return (StatusCode::FORBIDDEN, "the form is of another site\n").into_response();
    }
    let tokens = (dashboard.tokens)();
    // Compares with all of them, so that the time tells nothing.
    let found = tokens.iter().fold(None, |found, known| {
        match equal(token.trim().as_bytes(), known.token.expose()) {
            true => Some(known),
            false => found,
        }
    });
    let Some(known) = found else {
        return sign_in_page(StatusCode::UNAUTHORIZED, Some("there is no such token"));
    };
    let operator = Operator {
        name: Some(known.name.clone()),
        role: known.role,
    };
    tracing::info!(who = %known.name, "an operator signs in to the dashboard");
    match dashboard.sessions.begin(operator) {
        Ok(session) => with_cookie(Redirect::to(ROOT).into_response(), &session.set_cookie()),
        Err(error) => no_session(&error),
    }
}

/// Ends a session.
pub(super) async fn sign_out(
    State(dashboard): State<Dashboard>,
    axum::Extension(session): axum::Extension<Session>,
    Form(form): Form<FormToken>,
) -> Response {
    if !session.sent(&form.form_token) {
        return (StatusCode::FORBIDDEN, "the form is not of this session\n").into_response();
    }
    dashboard.sessions.end(&session);
    with_cookie(Redirect::to("/ui/sign-in").into_response(), &take_cookie())
}

/// The part that every form has.
#[derive(Deserialize)]
pub(super) struct FormToken {
    pub(super) form_token: String,
}

fn sign_in_page(status: StatusCode, wrong: Option<&str>) -> Response {
    let body = html! {
        form.sign-in method="post" action="/ui/sign-in" {
            h1 { "Tollgate" }
            @if let Some(wrong) = wrong { p.said.wrong role="alert" { (wrong) } }
            label for="token" { "Token of the admin service" }
            input #token name="token" type="password" autocomplete="current-password" required
                autofocus;
            button { "Sign in" }
            p.hint { "The token is `admin_token` or one of `[[server.admin_tokens]]` in the manifest." }
        }
    };
    (status, Html(layout::bare("Sign in", &body).into_string())).into_response()
}

fn no_session(error: &std::io::Error) -> Response {
    tracing::error!(%error, "no session can be made: there are no random numbers");
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "no session can be made; see the log\n",
    )
        .into_response()
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    // A session's name is hex.
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

/// Adds the headers that every page has, beside those of every answer of the admin listener.
pub(super) async fn protect(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 3] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
