/// Parses the event and checks the amount.
import tollgate;

Outcome onEvent(ref const Event event)
{
    long amount;
    if (!event.payload.integer("/data/object/amount_received", amount) || amount <= 0)
        return reject("there is nothing to pay");
    return done();
}

mixin register!onEvent;
