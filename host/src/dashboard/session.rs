//! Sessions: who is signed in, by a cookie that holds a random name.
//!
//! A session is kept in memory alone, so it ends with the process. Each has a token of its own that
//! every form carries: a page of another site cannot know it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header;
use parking_lot::Mutex;
use tollgate_base::random::random_bytes;
use tollgate_base::secret::equal;

use crate::server::Operator;
use crate::settings::Role;

/// The path below which the dashboard is.
pub(super) const ROOT: &str = "/ui";

/// How long a session lasts without a request.
const IDLE: Duration = Duration::from_secs(12 * 60 * 60);
/// The most sessions. One more ends the session that was used last the longest ago.
const MOST: usize = 1000;
/// The name of the cookie.
const COOKIE: &str = "tollgate_session";
/// The most characters of what the last form came to.
const MAX_SAID: usize = 600;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The name of the session, as the cookie has it.
    name: String,
    /// The operator.
    pub(super) operator: Operator,
    /// What every form of this session carries.
    pub(super) form_token: String,
}

/// What is kept of a session.
struct Kept {
    session: Session,
    used: Instant,
    /// What the last form came to, until a page shows it.
    said: Option<Said>,
}

/// What a form came to.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// Whether it was done.
    pub(super) done: bool,
    /// What a person reads.
    pub(super) text: String,
}

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Kept>>);

impl Sessions {
    /// A new session for an operator.
    pub(super) fn begin(&self, operator: Operator) -> std::io::Result<Session> {
        let session = Session {
            name: random()?,
            operator,
            form_token: random()?,
        };
        let mut all = self.0.lock();
        all.retain(|_, kept| kept.used.elapsed() < IDLE);
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, kept)| kept.used)
        {
            let oldest = oldest.0.clone();
            all.remove(&oldest);
        }
        let kept = Kept {
            session: session.clone(),
            used: Instant::now(),
            said: None,
        };
        all.insert(session.name.clone(), kept);
        Ok(session)
    }

    /// The session that the request's cookie names. `holds` says whether its operator may still
    /// ask: a token may have left the manifest.
    pub(super) fn of(
        &self,
        headers: &HeaderMap,
        holds: impl Fn(&Operator) -> bool,
    ) -> Option<Session> {
        let name = cookie(headers)?;
        let mut all = self.0.lock();
        let kept = all.get_mut(name)?;
        if kept.used.elapsed() >= IDLE || !holds(&kept.session.operator) {
            all.remove(name);
            return None;
        }
        kept.used = Instant::now();
        Some(kept.session.clone())
    }

    /// Ends a session.
    pub(super) fn end(&self, session: &Session) {
        self.0.lock().remove(&session.name);
    }

    /// Notes what a form came to.
    pub(super) fn say(&self, session: &Session, done: bool, text: &str) {
        if let Some(kept) = self.0.lock().get_mut(&session.name) {
            let text = text.chars().take(MAX_SAID).collect();
            kept.said = Some(Said { done, text });
        }
    }

    /// Takes what the last form came to.
    pub(super) fn take_said(&self, session: &Session) -> Option<Said> {
        self.0.lock().get_mut(&session.name)?.said.take()
    }
}

impl Session {
    /// The value of `Set-Cookie`. The browser sends the cookie to the dashboard's pages alone, and
    /// never from another site; scripts cannot read it.
    pub(super) fn set_cookie(&self) -> String {
        format!(
            "{COOKIE}={}; Path={}; HttpOnly; SameSite=Strict",
            self.name, ROOT
        )
    }

    /// Whether the operator may change something.
    pub(super) fn may_change(&self) -> bool {
        self.operator.role == Role::Operate
    }

    /// Whether a form carries the token of this session.
    pub(super) fn sent(&self, form_token: &str) -> bool {
        equal(form_token.as_bytes(), self.form_token.as_bytes())
    }
}

/// The value of `Set-Cookie` that takes the cookie away.
pub(super) fn take_cookie() -> String {
    format!("{COOKIE}=; Path={ROOT}; Max-Age=0; HttpOnly; SameSite=Strict")
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter();
    let mut pairs = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// 32 random bytes in hex.
fn random() -> std::io::Result<String> {
    random_bytes::<32>().map(hex::encode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(name: &str) -> Operator {
        Operator {
            name: Some(name.into()),
            role: Role::Read,
        }
    }

    fn with_cookie(session: &Session) -> HeaderMap {
        let pair = session.set_cookie();
        let pair = pair.split(';').next().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("a=b; {pair}").parse().unwrap());
        headers
    }

    #[test]
    fn a_session_is_found_by_its_cookie_until_it_ends() {
        let sessions = Sessions::default();
        let session = sessions.begin(operator("ada")).unwrap();
        let headers = with_cookie(&session);
        let found = sessions.of(&headers, |_| true).unwrap();
        assert_eq!(found.operator, operator("ada"));
        assert!(found.sent(&session.form_token) && !found.sent("") && !found.sent("x"));
        assert!(sessions.of(&HeaderMap::new(), |_| true).is_none());
        sessions.end(&found);
        assert!(sessions.of(&headers, |_| true).is_none());
    }

    #[test]
    fn a_token_that_left_the_manifest_ends_its_sessions() {
        let sessions = Sessions::default();
        let headers = with_cookie(&sessions.begin(operator("ada")).unwrap());
        assert!(sessions.of(&headers, |_| false).is_none());
        assert!(sessions.of(&headers, |_| true).is_none(), "for good");
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        let first = with_cookie(&sessions.begin(operator("first")).unwrap());
        for _ in 0..MOST {
            sessions.begin(operator("more")).unwrap();
        }
        assert_eq!(sessions.0.lock().len(), MOST);
        assert!(sessions.of(&first, |_| true).is_none());
    }
}
