//! Sources: where providers post, and the uses of secrets.

use axum::response::IntoResponse;
use maud::{Markup, html};
use serde_json::Value;

use super::view::View;
use crate::dashboard::layout::Page;
use crate::dashboard::parts::{items, state, text, time};
use crate::dashboard::query::{Query, encoded};

pub(in crate::dashboard) async fn list(view: View) -> Result<impl IntoResponse, Page> {
    let listed = view.get("/api/sources", &Query::default()).await?;
    let body = html! {
        h1 { "Sources" }
        @if items(&listed).is_empty() { p.empty { "No sources." } }
        div.cards { @for source in items(&listed) { (card(source)) } }
    };
    Ok(view.page("Sources", "Sources", &body))
}

fn card(source: &Value) -> Markup {
    let name = text(&source["name"]);
    let refused = source["rejections"].as_object();
    let secrets = source["secrets"].as_array().map_or(&[][..], Vec::as_slice);
    html! {
        section.card {
            h2 { a href={ "/ui/events?source=" (encoded(&name)) } { (name) } }
            dl.facts {
                div { dt { "Scheme" } dd { (text(&source["scheme"])) } }
                div { dt { "Path" } dd { code { (text(&source["path"])) } } }
                @for (code, count) in refused.into_iter().flatten() {
                    div { dt { "Refused" } dd { (text(count)) " " (code) } }
                }
            }
            @if !secrets.is_empty() {
                h3 { "Secrets" }
                div.scroll {
                    table {
                        thead { tr { th.number { "No." } th { "State" } th.number { "Matched" } th { "Last" } th { "Expires" } } }
                        tbody {
                            @for secret in secrets {
                                tr {
                                    td.number { (text(&secret["number"])) }
                                    td { (state(&secret["state"])) }
                                    td.number { (text(&secret["matched"])) }
                                    td { (when(&secret["last_matched"])) }
                                    td { (when(&secret["expires"])) }
                                }
                            }
                        }
                    }
                }
                @if secrets.len() > 1 {
                    p.hint { "A rotation is over once the old secret matches nothing any more." }
                }
            }
            p { a href={ "/ui/rejections?source=" (encoded(&name)) } { "Rejections" } }
        }
    }
}

fn when(value: &Value) -> Markup {
    match value.is_number() {
        true => time(value),
        false => html! { (text(value)) },
    }
}
