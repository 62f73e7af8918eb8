//! The admin API: roles, resources, filters, refused requests, and the document that describes it.

mod document;
mod filters;
mod refused;
mod resources;
mod roles;

use serde_json::Value;

use crate::harness::{Answer, Connection, Gateway, request};

/// A token that may do everything.
const OPERATE: &str = "operate_operate_operate_operate";
/// A token that may read.
const READ: &str = "read_read_read_read_read_read";

/// The tokens of a manifest, in `[server]`.
fn tokens() -> String {
    format!(
        "admin_tokens = [{{ name = \"night\", token = \"{OPERATE}\", role = \"operate\" }}, \
         {{ name = \"wall\", token = \"{READ}\", role = \"read\" }}]"
    )
}

/// Sends a request to the admin listener with a token.
#[track_caller]
fn ask(gateway: &Gateway, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let token = format!("Bearer {token}");
    let mut headers = vec![("content-type", "application/json")];
    if token.len() > "Bearer ".len() {
        headers.push(("authorization", &token));
    }
    let mut connection = Connection::open(gateway.admin).unwrap();
    let bytes = request(method, path, &headers, body.as_bytes());
    connection.write(&bytes).unwrap();
    connection.answer().unwrap()
}

/// The JSON at a path, without a token.
#[track_caller]
fn read(gateway: &Gateway, path: &str) -> Value {
    let answer = ask(gateway, "", "GET", path, "");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// The JSON answer of a POST, without a token.
#[track_caller]
fn post(gateway: &Gateway, path: &str, body: &str) -> Value {
    let answer = ask(gateway, "", "POST", path, body);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// One text of each item of a list.
#[track_caller]
fn texts<'l>(list: &'l Value, key: &str) -> Vec<&'l str> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item[key].as_str().unwrap())
        .collect()
}
