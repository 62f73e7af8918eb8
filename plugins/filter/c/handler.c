/* Passes on the events whose subject begins with `prefix` in `config`. */
#include "tollgate.h"

static bool begins(tg_text text, tg_text prefix) {
    return text.size >= prefix.size && tg_equal((tg_text){text.data, prefix.size}, prefix);
}

tg_result handle(const tg_event *event) {
    tg_text prefix;
    if (!tg_config(TG("prefix"), &prefix)) return tg_reject(TG("`config` has no prefix"));
    if (!event->subject.data) return tg_ignored(TG("the event has no subject"));
    if (!begins(event->subject, prefix))
        return tg_ignored(tg_join(event->subject, TG(" does not begin with "), prefix, TG_END));
    tg_state_add(TG("passed"), 1);
    tg_emit(tg_join(TG("filtered."), event->kind, TG_END), event->subject, event->payload);
    return tg_done();
}
