//! A component that has replaced another and breaks down: what runs on it, and what is told.

use super::*;
use crate::dispatch::{TrialNews, Verdict};
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

    fn run(&self, delivery: &Delivery) -> Run {
        self.0.run(delivery)
    }
}

const OLD: &str = "old";
const NEW: &str = "new";

/// Runs of a component, with the attempts that were made before and those that do not count.
#[derive(Clone, Default)]
struct Runs(Arc<Mutex<Vec<(u32, u32)>>>);

impl Runs {
    fn many(&self) -> usize {
        self.0.lock().len()
    }

    /// A component of handler `h` whose runs end so.
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
                runs.0.lock().push((delivery.attempts, delivery.excused));
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

/// What is told of trials.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<TrialNews>>>);

impl Told {
    fn verdicts(&self) -> Vec<Option<Verdict>> {
        let told = self.0.lock();
        for news in told.iter() {
            let new = ComponentDigest::of(NEW.as_bytes());
            assert_eq!((&news.handler, news.component), (&name(), new));
        }
        told.iter().map(|news| news.verdict).collect()
    }
}

impl Site {
    /// A site on which `h` runs the old component, which does well.
    fn trusted() -> (Self, Told) {
        let mut site = Self::new();
        let told = Told::default();
        let note = told.clone();
        site.dispatcher
            .on_trials(Box::new(move |news| note.0.lock().push(news)));
        site.start(vec![good(4)]);
        site.record(0..20, &["h"]);
        site.until(DeliveryState::Done, 20);
        (site, told)
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
fn one_that_breaks_down_runs_no_more_until_another_takes_its_place() {
    let (site, told) = Site::trusted();
    let bad = Runs::default();
    site.serve(Arc::new(OnTrial(bad.component(NEW, 1, traps))));
    site.record(20..60, &["h"]);
    let failed = Some(Verdict::Failed { broke: 5, of: 5 });
    site.eventually("it is told", || told.verdicts() == [failed]);
    site.until(DeliveryState::Retrying, 5);
    // A day later, with five that are due: nothing runs, and nothing more is told.
    site.wake_after(ms(86_400_000));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(bad.many(), 5);
    assert_eq!(site.count(DeliveryState::Pending), 35);
    assert_eq!(told.verdicts(), [failed]);

    let again = Runs::default();
    site.serve(again.component(OLD, 4, |_| End::Done));
    site.until(DeliveryState::Done, 60);
    assert_eq!(again.many(), 40);
    assert_eq!(told.verdicts(), [failed]);
    site.stop();
}

#[test]
fn what_it_failed_runs_again_as_if_it_had_not() {
    let (site, told) = Site::trusted();
    let bad = Runs::default();
    site.serve(Arc::new(OnTrial(bad.component(NEW, 1, traps))));
    site.record(20..40, &["h"]);
    site.eventually("it is told", || told.verdicts().len() == 1);
    site.until(DeliveryState::Retrying, 5);
    let again = Runs::default();
    site.serve(again.component(OLD, 4, |_| End::Done));
    site.until(DeliveryState::Done, 35);
    // Their time has not come; but it was not their fault.
    let new = ComponentDigest::of(NEW.as_bytes());
    assert_eq!(site.ledger.excuse(&name(), new).unwrap(), 5);
    site.dispatcher.wake();
    site.until(DeliveryState::Done, 40);
    let excused = again.0.lock().iter().filter(|run| **run == (1, 1)).count();
    assert_eq!(excused, 5);
    site.stop();
}

#[test]
fn one_that_is_acquitted_runs_on() {
    let (site, told) = Site::trusted();
    let bad = Runs::default();
    site.serve(Arc::new(OnTrial(bad.component(NEW, 1, traps))));
    site.record(20..60, &["h"]);
    site.eventually("it is told", || told.verdicts().len() == 1);
    site.dispatcher.acquit(&name());
    site.until(DeliveryState::Retrying, 40);
    assert_eq!((bad.many(), told.verdicts().len()), (40, 1));
    site.stop();
}

#[test]
fn one_that_does_well_has_passed_for_good() {
    let (site, told) = Site::trusted();
    let new = Runs::default();
    let late = |delivery: &Delivery| match delivery.seq.0 {
        ..=70 => End::Done,
        _ => End::Trap("too late to be held against it".into()),
    };
    site.serve(Arc::new(OnTrial(new.component(NEW, 1, late))));
    site.record(20..120, &["h"]);
    site.until(DeliveryState::Retrying, 50);
    assert_eq!(told.verdicts(), [Some(Verdict::Passed)]);
    assert_eq!(new.many(), 100);
    site.stop();
}

#[test]
fn what_failed_before_is_not_held_against_it() {
    let mut site = Site::new();
    let told = Told::default();
    let note = told.clone();
    site.dispatcher
        .on_trials(Box::new(move |news| note.0.lock().push(news)));
    site.start(vec![Runs::default().component(OLD, 4, traps)]);
    site.record(0..20, &["h"]);
    site.until(DeliveryState::Retrying, 20);
    // The new one can do no more with these.
    let new = Runs::default();
    let old_ones = |delivery: &Delivery| match delivery.seq.0 {
        ..=20 => End::Trap("again".into()),
        _ => End::Done,
    };
    site.serve(Arc::new(OnTrial(new.component(NEW, 4, old_ones))));
    site.wake_after(ms(5_000));
    site.eventually("all were tried", || new.many() == 20);
    site.record(20..69, &["h"]);
    site.until(DeliveryState::Done, 49);
    assert_eq!(told.verdicts(), []);
    site.record(69..70, &["h"]);
    site.until(DeliveryState::Done, 50);
    assert_eq!(told.verdicts(), [Some(Verdict::Passed)]);
    site.stop();
}

#[test]
fn runs_under_way_when_it_goes_are_told_of_as_they_break_down() {
    let (site, told) = Site::trusted();
    let bad = Runs::default();
    let stage = Arc::new((Mutex::new(0), Condvar::new()));
    let wait = stage.clone();
    // Five break down at the first stage, the others at the second.
    let slow = move |delivery: &Delivery| {
        let own = if delivery.seq.0 <= 25 { 1 } else { 2 };
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
    let failed = Some(Verdict::Failed { broke: 5, of: 5 });
    let all = [failed, None, None, None];
    site.eventually("each is told", || told.verdicts() == all);
    site.until(DeliveryState::Retrying, 8);
    site.stop();
}
