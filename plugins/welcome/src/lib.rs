//! Welcomes new customers: the handler of the walk-through in `examples/quickstart`,
//! short enough to be read in a minute and made to be changed.
//!
//! On `customer.created` it queues a letter to the mail service that its `config` names.

use tollgate_handler::prelude::*;

tollgate_handler::handler!(handle);

/// What a letter opens with. Change it, run `make guests`, and the next customer is
/// greeted anew: the gateway needs no restart.
const GREETING: &str = "Welcome";

/// The part of Stripe's customer object that matters here.
#[derive(Deserialize)]
struct Customer {
    id: String,
    email: Option<String>,
    name: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

/// What the customer's metadata may ask of this handler.
#[derive(Deserialize, Default)]
struct Metadata {
    /// How many attempts are to fail (a number as text, as Stripe's metadata has it):
    /// a stand-in for whatever is not ready yet in real life.
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

    // On purpose at the very end: the letter and the count above are dropped with
    // the failed attempt, so that neither happens twice.
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
