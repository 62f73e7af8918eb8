/* Parses the event and checks the amount. */
#include "tollgate.h"

tg_result handle(const tg_event *event) {
    int64_t amount;
    if (!tg_json_integer(event->payload, "/data/object/amount_received", &amount) || amount <= 0)
        return tg_reject(TG("there is nothing to pay"));
    return tg_done();
}
