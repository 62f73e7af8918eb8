//! Welcomes new customers. This is the handler of the walk-through in `examples/quickstart`: you
//! can read it in a minute, and you are meant to change it.
//!
//! On `customer.created`, the handler queues a letter to the mail service in its `config`.

use tollgate_handler::prelude::*;

tollgate_handler::handler!(handle);

/// The greeting of a letter. Change it and run `make guests`: the next customer gets the new
/// greeting, without a restart of the gateway.
const GREETING: &str = "Welcome";

/// The fields of Stripe's customer object that this handler needs.
#[derive(Deserialize)]
struct Customer {
    id: String,
    email: Option<String>,
    name: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

/// The customer's metadata that this handler reads.
#[derive(Deserialize, Default)]
struct Metadata {
    /// The number of attempts that fail, as text, because Stripe's metadata values are texts. It
    /// simulates a service that is not ready yet.
    fail_attempts: Option<String>,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let customer = event.json::<StripeEvent<Customer>>()?.data.object;
    let Some(email) = customer.email else {
        return ignored("the customer has no email address");
    };

    let greeting = config::get("greeting").unwrap_or_else(|| GREETING.into());
    let name = customer.name.unwrap_or_else(|| "dear customer".into());
    outbox::post(config::require("mail_url")?)
        .json(&json!({ "to": email, "text": format!("{greeting}, {name}!") }))
        .order_key(&customer.id)
        .send()?;
    state::add("welcomed", 1)?;
    log::info!("greeted {name}", attempt = event.attempt);

    // The failure comes at the very end on purpose: the gateway drops the letter and the count of a
    // failed attempt, so neither of them happens twice.
    let failures = customer
        .metadata
        .fail_attempts
        .and_then(|text| text.parse().ok());
    if event.attempt <= failures.unwrap_or(0) {
        return Err(retry(format!("not ready at attempt {}", event.attempt)));
    }
    done()
}

#[cfg(test)]
mod tests;
