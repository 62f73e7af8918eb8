/* Tells the shop once about each {{event}}. */
#include "tollgate.h"

#define EVENT "{{event}}"

tg_result handle(const tg_event *event) {
    if (!tg_equal(event->kind, TG(EVENT)))
        return tg_ignored(tg_join(event->kind, TG(" is not for this handler"), TG_END));

    tg_text id, currency, url;
    int64_t amount;
    if (!tg_json_string(event->payload, "/data/object/id", &id) ||
        !tg_json_integer(event->payload, "/data/object/{{amount}}", &amount) ||
        !tg_json_string(event->payload, "/data/object/currency", &currency))
        return tg_reject(TG("the payload has no object with id, {{amount}} and currency"));

    /* Providers send an event again, and several events may tell of one payment: the state says
     * what was done already. */
    tg_text seen = tg_join(TG("seen/"), id, TG_END);
    if (tg_state_get(seen, NULL))
        return tg_ignored(tg_join(id, TG(" was told before"), TG_END));
    tg_state_set(seen, event->id);
    tg_state_add(tg_join(TG("total/"), currency, TG_END), amount);

    /* The request goes out after the commit, and not at all if the handler fails. */
    if (!tg_config(TG("notify_url"), &url)) return tg_reject(TG("`config` has no notify_url"));
    tg_request request = {
        .url = url,
        .order_key = id,
        .body = tg_join(TG("{\"id\":"), tg_json_quoted(id), TG(",\"amount\":"), tg_number(amount),
                        TG(",\"currency\":"), tg_json_quoted(currency), TG("}"), TG_END),
    };
    tg_send(&request);
    tg_info(TG("told the shop"));
    return tg_done();
}
