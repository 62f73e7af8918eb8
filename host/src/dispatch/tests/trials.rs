//! The trial of a component that replaced another component: the runs on it, and the news.

use super::*;
use crate::dispatch::{TrialNews, TrialResult};
use tollgate_ledger::AttemptOutcome;

/// A component that has just replaced another.
struct OnTrial(Arc<dyn Runnable>);

impl Runnable for OnTrial {
    fn handler(&self) -> &Arc<Handler> {
        self.0.handler()
    }

    fn digest(&self) -> ComponentDigest {
        self.0.digest()
    }

    fn on_trial(&self) -> bool {
        true
    }

    fn run(
        &self,
        delivery: &Delivery,
        recorded: &Arc<[Exchange]>,
        trace: Option<&TraceContext>,
    ) -> Started {
        self.0.run(delivery, recorded, trace)
    }
}

const OLD: &str = "old";
const NEW: &str = "new";

/// The runs of a component, each with the number of attempts before it and the number of attempts
/// that do not count.
#[derive(Clone, Default)]
struct Runs(Arc<Mutex<Vec<(u32, u32)>>>);

impl Runs {
    fn many(&self) -> usize {
        self.0.lock().len()
    }

    /// A component of handler `h` whose runs end as `end` says.
    fn component(
        &self,
        name: &'static str,
        concurrency: usize,
        end: impl Fn(&Delivery) -> End + Send + Sync + 'static,
    ) -> Arc<dyn Runnable> {
        let runs = self.clone();
        Arc::new(Closure {
            handler: Arc::new(settings("h", concurrency)),
            component: name,
            work: Box::new(move |delivery| {
                runs.0.lock().push((delivery.attempts, delivery.uncounted));
                ended(end(delivery))
            }),
        })
    }
}

fn traps(_: &Delivery) -> End {
    End::Trap("boom".into())
}

fn name() -> HandlerName {
    HandlerName::new("h")
}

/// The news of trials.
#[derive(Clone, Default)]
struct News(Arc<Mutex<Vec<TrialNews>>>);

impl News {
    fn results(&self) -> Vec<Option<TrialResult>> {
        let all = self.0.lock();
        for news in all.iter() {
            let new = ComponentDigest::of(NEW.as_bytes());
            assert_eq!((&news.handler, news.component), (&name(), new));
        }
        all.iter().map(|news| news.result).collect()
    }
}

impl Site {
    /// A site where `h` runs the old component, which succeeds.
    fn trusted() -> (Self, News) {
        let mut site = Self::new();
        let news = News::default();
        let note = news.clone();
        site.dispatcher
            .on_trials(Box::new(move |item| note.0.lock().push(item)));
        site.start(vec![good(4)]);
        site.record(0..20, &["h"]);
        site.until(DeliveryState::Done, 20);
        (site, news)
    }

    fn serve(&self, component: Arc<dyn Runnable>) {
        let routes = Arc::new(Routes::default());
        self.dispatcher.set_handlers(vec![component], routes);
    }

    fn wake_after(&self, passes: Duration) {
        self.clock.advance(passes);
        self.dispatcher.wake();
    }
}

fn good(concurrency: usize) -> Arc<dyn Runnable> {
    Runs::default().component(OLD, concurrency, |_| End::Done)
}

#[test]
fn a_component_that_breaks_down_runs_no_more_until_another_replaces_it() {
    let (site, news) = Site::trusted();
    let bad = Runs::default();
    site.serve(Arc::new(OnTrial(bad.component(NEW, 1, traps))));
    site.record(20..60, &["h"]);
    let failed = Some(TrialResult::Failed { broke: 5, of: 5 });
    site.eventually("the failure is news", || news.results() == [failed]);
    site.until(DeliveryState::Retrying, 5);
    // A day later five deliveries are due. Nothing runs, and there is no more news.
    site.wake_after(ms(86_400_000));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(bad.many(), 5);
    assert_eq!(site.count(DeliveryState::Pending), 35);
    assert_eq!(news.results(), [failed]);

    let again = Runs::default();
    site.serve(again.component(OLD, 4, |_| End::Done));
    site.until(DeliveryState::Done, 60);
    assert_eq!(again.many(), 40);
    assert_eq!(news.results(), [failed]);
    site.stop();
}

#[test]
fn attempts_on_a_failed_component_do_not_count() {
    let (site, news) = Site::trusted();
    let bad = Runs::default();
    site.serve(Arc::new(OnTrial(bad.component(NEW, 1, traps))));
    site.record(20..40, &["h"]);
    site.eventually("the failure is news", || news.results().len() == 1);
    site.until(DeliveryState::Retrying, 5);
    let again = Runs::default();
    site.serve(again.component(OLD, 4, |_| End::Done));
    site.until(DeliveryState::Done, 35);
    // The deliveries are not due yet, but the failure was the component's.
    let new = ComponentDigest::of(NEW.as_bytes());
    assert_eq!(site.ledger.retry_uncounted(&name(), new).unwrap(), 5);
    site.dispatcher.wake();
    site.until(DeliveryState::Done, 40);
    let uncounted = again.0.lock().iter().filter(|run| **run == (1, 1)).count();
    assert_eq!(uncounted, 5);
    site.stop();
}

#[test]
fn a_component_whose_trial_is_waived_runs_on() {
    let (site, news) = Site::trusted();
    let bad = Runs::default();
    site.serve(Arc::new(OnTrial(bad.component(NEW, 1, traps))));
    site.record(20..60, &["h"]);
    site.eventually("the failure is news", || news.results().len() == 1);
    site.dispatcher.waive_trial(&name());
    site.until(DeliveryState::Retrying, 40);
    assert_eq!((bad.many(), news.results().len()), (40, 1));
    site.stop();
}

#[test]
fn a_component_that_has_passed_is_on_trial_no_more() {
    let (site, news) = Site::trusted();
    let new = Runs::default();
    let late = |delivery: &Delivery| match delivery.id.0 {
        ..=70 => End::Done,
        _ => End::Trap("after the trial".into()),
    };
    site.serve(Arc::new(OnTrial(new.component(NEW, 1, late))));
    site.record(20..120, &["h"]);
    site.until(DeliveryState::Retrying, 50);
    assert_eq!(news.results(), [Some(TrialResult::Passed)]);
    assert_eq!(new.many(), 100);
    site.stop();
}

#[test]
fn deliveries_that_failed_before_do_not_count_in_a_trial() {
    let mut site = Site::new();
    let news = News::default();
    let note = news.clone();
    site.dispatcher
        .on_trials(Box::new(move |item| note.0.lock().push(item)));
    site.start(vec![Runs::default().component(OLD, 4, traps)]);
    site.record(0..20, &["h"]);
    site.until(DeliveryState::Retrying, 20);
    // The new component fails on the same deliveries.
    let new = Runs::default();
    let old_ones = |delivery: &Delivery| match delivery.id.0 {
        ..=20 => End::Trap("again".into()),
        _ => End::Done,
    };
    site.serve(Arc::new(OnTrial(new.component(NEW, 4, old_ones))));
    site.wake_after(ms(5_000));
    site.eventually("all were retried", || new.many() == 20);
    site.record(20..69, &["h"]);
    site.until(DeliveryState::Done, 49);
    assert_eq!(news.results(), []);
    site.record(69..70, &["h"]);
    site.until(DeliveryState::Done, 50);
    assert_eq!(news.results(), [Some(TrialResult::Passed)]);
    site.stop();
}

#[test]
fn breakdowns_after_the_component_was_replaced_are_news_too() {
    let (site, news) = Site::trusted();
    let bad = Runs::default();
    let stage = Arc::new((Mutex::new(0), Condvar::new()));
    let wait = stage.clone();
    // Five break down at the first stage, the others at the second.
    let slow = move |delivery: &Delivery| {
        let own = if delivery.id.0 <= 25 { 1 } else { 2 };
        let mut stage = wait.0.lock();
        while *stage < own {
            wait.1.wait(&mut stage);
        }
        End::Trap("boom".into())
    };
    let next = || {
        *stage.0.lock() += 1;
        stage.1.notify_all();
    };
    site.serve(Arc::new(OnTrial(bad.component(NEW, 8, slow))));
    site.record(20..28, &["h"]);
    site.eventually("all are under way", || bad.many() == 8);
    next();
    site.counts(AttemptOutcome::Trap, 5);
    site.serve(good(4));
    next();
    let failed = Some(TrialResult::Failed { broke: 5, of: 5 });
    let all = [failed, None, None, None];
    site.eventually("each breakdown is news", || news.results() == all);
    site.until(DeliveryState::Retrying, 8);
    site.stop();
}
