//! Immediate requests of attempts, with their answers.

use super::*;
use crate::{Exchange, ExchangeAnswer, RequestDigest};

const URL: &str = "https://crm.example.com/score?key=secret";

fn answered(body: &'static str, recorded: bool) -> Exchange {
    Exchange {
        digest: Some(RequestDigest::of("GET", URL, b"")),
        recorded,
        duration_us: 1500,
        answer: Ok(ExchangeAnswer {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body: Bytes::from_static(body.as_bytes()),
        }),
        ..Exchange::begun("GET", URL, 7)
    }
}

/// An exchange as the ledger keeps it.
fn kept(exchange: Exchange) -> Exchange {
    Exchange {
        url: "https://crm.example.com/score?…".to_owned(),
        ..exchange
    }
}

fn asking(delivery: &Delivery, next: NextState, exchanges: Vec<Exchange>) -> Completion {
    Completion {
        exchanges,
        ..ending(delivery, next)
    }
}

fn replay(open: &Open, delivery: &Delivery, refetch: bool) -> Delivery {
    let action = Action::Replay {
        deliveries: vec![delivery.id],
        keys: ReplayKeys::New,
        component: ReplayComponent::Current,
        refetch: refetch.then(Vec::new),
    };
    assert_eq!(open.ask(action), [Intervened::Done]);
    open.due("a", STEADY).remove(0)
}

pub fn answers_are_recorded_with_the_attempt_and_given_to_a_replay(engine: &dyn Engine) {
    let open = Open::new(engine);
    let first = open.deliver("evt_1", &["a"]).remove(0);
    assert_eq!(first.answers, None);
    let none = Exchange::begun("POST", URL, 9);
    let failed = asking(
        &first,
        NextState::Retrying { due: STEADY },
        vec![none.clone()],
    );
    open.complete(failed).unwrap();
    let second = open.due("a", STEADY).remove(0);
    assert_eq!(second.answers, None, "an attempt asks anew");
    let all = vec![answered("one", false), none];
    open.complete(asking(&second, NextState::Done, all.clone()))
        .unwrap();

    let again = replay(&open, &second, false);
    assert_eq!(again.answers, Some(0));
    let recorded = open.ledger.exchanges(again.id, 0).unwrap();
    let all: Vec<_> = all.into_iter().map(kept).collect();
    assert_eq!(
        recorded, all,
        "those of the last attempt, without the query"
    );

    // A run that fails leaves the answers that the next replay gets.
    let ended = asking(&again, NextState::Dead, vec![answered("one", true)]);
    open.complete(ended).unwrap();
    let third = replay(&open, &again, false);
    assert_eq!(third.answers, Some(0));
    let retried = NextState::Retrying { due: STEADY };
    open.complete(ending(&third, retried)).unwrap();
    let open = open.reopen(engine);
    let third = open.due("a", STEADY).remove(0);
    assert_eq!(third.answers, Some(0), "for each attempt of the run");
}

pub fn a_replay_may_ask_anew(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = open.deliver("evt_1", &["a"]).remove(0);
    let answers = vec![answered("one", false)];
    open.complete(asking(&delivery, NextState::Done, answers))
        .unwrap();
    let again = replay(&open, &delivery, true);
    assert_eq!(again.answers, None);
    open.complete(ending(&again, NextState::Done)).unwrap();
    assert_eq!(replay(&open, &again, false).answers, Some(1));
}

pub fn answers_go_with_the_event(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = open.deliver("evt_1", &["a"]).remove(0);
    open.complete(asking(
        &delivery,
        NextState::Done,
        vec![answered("Ada Nobody", false)],
    ))
    .unwrap();
    let erased = open.ledger.erase(delivery.event.id).unwrap();
    assert_eq!(erased, Erased::Done);
    let left = open.ledger.exchanges(delivery.id, 0).unwrap();
    let answer = left[0].answer.as_ref().unwrap();
    assert_eq!((answer.len(), answer.status), (0, 200));
    assert_eq!(left[0].digest, None);
}
