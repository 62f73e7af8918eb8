//! Parses the event and checks the amount.
const tollgate = @import("tollgate");

const Payload = struct { data: struct { object: struct { amount_received: i64 } } };

pub fn onEvent(event: tollgate.Event) !tollgate.Outcome {
    const payload = try event.parse(Payload);
    if (payload.data.object.amount_received <= 0) return tollgate.reject("there is nothing to pay");
    return tollgate.done();
}
