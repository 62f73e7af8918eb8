/// Tells the shop once about each {{event}}.
import tollgate;

Outcome onEvent(ref const Event event)
{
    if (event.kind != "{{event}}")
        return ignored(join(event.kind, " is not for this handler"));

    Text id, currency;
    long amount;
    if (!event.payload.text("/data/object/id", id)
        || !event.payload.integer("/data/object/{{amount}}", amount)
        || !event.payload.text("/data/object/currency", currency))
        return reject("the payload has no object with id, {{amount}} and currency");

    // Providers send an event again, and several events may tell of one payment: the state says what
    // was done already.
    const seen = join("seen/", id);
    if (state.has(seen))
        return ignored(join(id, " was told before"));
    state.set(seen, event.id);
    state.add(join("total/", currency), amount);

    // The request goes out after the commit, and not at all if the handler fails.
    HttpRequest request = {url: config("notify_url"), orderKey: id};
    if (!request.url)
        return reject("`config` has no notify_url");
    request.body = join(`{"id":`, quoted(id), `,"amount":`, amount, `,"currency":`,
        quoted(currency), "}");
    send(request);
    log.info("told the shop");
    return done();
}

mixin register!onEvent;
