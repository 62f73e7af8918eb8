//! Tells the shop once about each `{{event}}`.

use tollgate_handler::prelude::*;

tollgate_handler::handler!(handle);

/// The fields of the event's object that this handler needs. Others are left out, so that a newer
/// API version changes nothing.
#[derive(Deserialize)]
struct Object {
    id: String,
    {{amount}}: i64,
    currency: String,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    if event.kind != "{{event}}" {
        return ignored(format!("{} is not for this handler", event.kind));
    }
    let object = event.json::<StripeEvent<Object>>()?.data.object;

    // Providers send an event again, and several events may tell of one payment: the state says
    // what was done already.
    let seen = format!("seen/{}", object.id);
    if state::get_bytes(&seen)?.is_some() {
        return ignored(format!("{} was told before", object.id));
    }
    state::set_bytes(&seen, event.id.as_bytes())?;
    state::add(&format!("total/{}", object.currency), object.{{amount}})?;

    // The request goes out after the commit, and not at all if the handler fails.
    outbox::post(config::require("notify_url")?)
        .json(&json!({
            "id": object.id,
            "amount": object.{{amount}},
            "currency": object.currency,
        }))
        .order_key(&object.id)
        .send()?;
    log::info!("told the shop", object = object.id);
    done()
}

#[cfg(test)]
mod tests {
    use tollgate_handler::testing::{self, Host};

    use super::*;

    #[test]
    fn a_payment_is_told_once() {
        let mut host = Host::new().config("notify_url", "https://shop.example.com/paid");
        let payload = json!({
            "id": "evt_1", "type": "{{event}}", "created": 1_780_000_000,
            "data": { "object": { "id": "obj_1", "{{amount}}": 4200, "currency": "eur" } },
        });
        let event = testing::event("{{event}}", &payload);
        assert_eq!(host.run(handle, event.clone()).result, Ok(Outcome::Done));
        let again = host.run(handle, event).result;
        assert!(matches!(again, Ok(Outcome::Ignored(_))), "{again:?}");
        assert_eq!(host.sent.len(), 1);
        assert_eq!(host.counter("total/eur"), 4200);
    }
}
