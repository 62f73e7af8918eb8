//! Parses the event and checks the amount.

use tollgate_handler::prelude::*;

tollgate_handler::handler!(handle);

#[derive(Deserialize)]
struct Object {
    amount_received: i64,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let object = event.json::<StripeEvent<Object>>()?.data.object;
    if object.amount_received <= 0 {
        return Err(reject("there is nothing to pay"));
    }
    done()
}
