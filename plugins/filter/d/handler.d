/// Passes on the events whose subject begins with `prefix` in `config`.
import tollgate;

Outcome onEvent(ref const Event event)
{
    const prefix = config("prefix");
    if (prefix is null)
        return reject("`config` has no prefix");
    if (event.subject is null)
        return ignored("the event has no subject");
    if (event.subject.length < prefix.length || event.subject[0 .. prefix.length] != prefix)
        return ignored(join(event.subject, " does not begin with ", prefix));
    state.add("passed", 1);
    emit(join("filtered.", event.kind), event.subject, event.payload);
    return done();
}

mixin register!onEvent;
