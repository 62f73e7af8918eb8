//! What every page needs: who asks, the query, and the API.

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use http::request::Parts;
use maud::Markup;
use serde_json::Value;

use crate::dashboard::layout::Page;
use crate::dashboard::query::Query;
use crate::dashboard::refused::Refused;
use crate::dashboard::session::Session;
use crate::dashboard::shared::Dashboard;

/// A page that is about to be made.
pub(in crate::dashboard) struct View {
    pub(super) dashboard: Dashboard,
    pub(super) session: Session,
    pub(super) query: Query,
    /// The path and the query of the page.
    pub(super) address: String,
}

impl View {
    /// The resource at a path of the API.
    pub(super) async fn get(&self, path: &str, query: &Query) -> Result<Value, Refused> {
        self.dashboard
            .api
            .get(&self.session.operator, path, query)
            .await
    }

    /// The page with this content. Shows what the last form came to.
    pub(super) fn page(&self, title: &str, section: &str, body: &Markup) -> Page {
        let said = self.dashboard.sessions.take_said(&self.session);
        Page::new(title, section, &self.session, said.as_ref(), body)
    }
}

impl FromRequestParts<Dashboard> for View {
    type Rejection = Page;

    async fn from_request_parts(parts: &mut Parts, dashboard: &Dashboard) -> Result<Self, Page> {
        let session = Extension::<Session>::from_request_parts(parts, dashboard).await;
        let Extension(session) = session.map_err(|_| Page::wrong("nobody is signed in"))?;
        let State(dashboard) = State::<Dashboard>::from_request_parts(parts, dashboard)
            .await
            .unwrap_or_else(|never| match never {});
        let query = Query::from_request_parts(parts, &dashboard).await?;
        let address = parts.uri.path_and_query();
        Ok(Self {
            dashboard,
            session,
            query,
            address: address.map_or_else(String::new, ToString::to_string),
        })
    }
}
