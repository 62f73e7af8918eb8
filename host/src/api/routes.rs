//! The paths of the admin API.

use http::StatusCode;

use super::bulk::Verb;
use super::{deliveries, events, handlers, ledger, outbox, replay, schedule, state};
use crate::run::Core;
use crate::server::{Api, ApiAnswer, ApiRequest};
use tollgate_base::secret::Secret;

impl Api for Core {
    fn token(&self) -> Option<Secret> {
        self.current.load().manifest.admin_token.clone()
    }

    fn call(&self, request: &ApiRequest) -> ApiAnswer {
        answer(self, request).unwrap_or_else(|refused| refused)
    }
}

fn answer(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match (&path[..], &request.post) {
        (["events"], None) => events::list(core, request),
        (["events", id], None) => events::show(core, id),
        (["events", id, "erase"], Some(body)) => events::erase(core, id, body),
        (["deliveries"], None) => deliveries::list(core, request),
        (["deliveries", "retry"], Some(body)) => deliveries::change_many(core, Verb::Retry, body),
        (["deliveries", "cancel"], Some(body)) => deliveries::change_many(core, Verb::Cancel, body),
        (["deliveries", seq], None) => deliveries::show(core, seq),
        (["deliveries", seq, "retry"], Some(body)) => deliveries::retry(core, seq, body),
        (["deliveries", seq, "cancel"], Some(body)) => deliveries::cancel(core, seq, body),
        (["outbox"], None) => outbox::list(core, request),
        (["outbox", "retry"], Some(body)) => outbox::change(core, Verb::Retry, body),
        (["outbox", "cancel"], Some(body)) => outbox::change(core, Verb::Cancel, body),
        (["outbox", seq], None) => outbox::show(core, seq),
        (["schedule"], None) => schedule::list(core, request),
        (["schedule", "run"], Some(body)) => schedule::run(core, body),
        (["schedule", "cancel"], Some(body)) => schedule::cancel(core, body),
        (["state", handler], None) => state::list(core, handler, request),
        (["state", handler], Some(body)) => state::change(core, handler, body),
        (["state", handler, "value"], None) => state::value(core, handler, request),
        (["state", handler, "changes"], None) => state::changes(core, handler, request),
        (["replay"], Some(body)) => replay::replay(core, body),
        (["handlers", name, "pause"], Some(body)) => handlers::pause(core, name, body),
        (["handlers", name, "resume"], Some(_)) => handlers::resume(core, name),
        (["handlers"], None) => handlers::list(core),
        (["ledger", "release"], Some(_)) => ledger::release(core),
        _ => Err(ApiAnswer::error(
            StatusCode::NOT_FOUND,
            "no such path, or not with this method",
        )),
    }
}
