//! The events to post, in order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_base::time::WallTime;
use tollgate_events::{NameError, Override, SampleError, SampleEvent, Story};

use super::args::TriggerArgs;
use super::target::Target;

/// The events to post, in order. An event is made when it is posted, so that any number needs the
/// memory of a few.
pub(super) struct Plan {
    scheme: String,
    version: Option<String>,
    overrides: Vec<Override>,
    /// What each turn posts: an event by its name, or a scenario.
    what: What,
    /// The seed of the first turn. Each turn has the next.
    seed: u64,
    /// The events of a turn.
    steps: usize,
    /// The number of events.
    len: usize,
    /// The order of the events, if it is another one.
    order: Option<Vec<usize>>,
    /// The time at which a scenario ends.
    now: WallTime,
    speed: Option<f64>,
    /// The turn of a scenario that was told last.
    told: Mutex<Option<(usize, Arc<[Told]>)>>,
}

/// What each turn posts.
enum What {
    Event(String),
    Scenario(String),
}

/// An event of a scenario, and the wait before it.
type Told = (SampleEvent, Duration);

impl Plan {
    /// The events that the arguments mean. A wrong name or pointer is told before anything is
    /// posted.
    pub(super) fn of(args: &TriggerArgs, target: &Target) -> anyhow::Result<Self> {
        let what = match (&args.event, &args.scenario) {
            (_, Some(name)) => What::Scenario(name.clone()),
            (event, None) => What::Event(event.clone().unwrap_or_default()),
        };
        let mut plan = Self {
            scheme: target.scheme.clone(),
            version: args.api_version.clone(),
            overrides: args.overrides.clone(),
            what,
            seed: args.seed.unwrap_or_else(|| fastrand::u64(..)),
            steps: 1,
            len: 0,
            order: None,
            now: args.scheme.now(),
            speed: args.speed,
            told: Mutex::default(),
        };
        if let What::Scenario(name) = &plan.what {
            plan.steps = plan.story(0)?.steps(name)?.len();
        }
        plan.len = args.repeat as usize * plan.steps;
        if args.out_of_order {
            let mut order: Vec<_> = (0..plan.len).collect();
            fastrand::Rng::with_seed(plan.seed).shuffle(&mut order);
            plan.order = Some(order);
        }
        Ok(plan)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The event at an index, as sent at `now`, and the wait before it. `None` at the end.
    pub(super) fn get(&self, index: usize, now: WallTime) -> Option<Result<Told, SampleError>> {
        if index >= self.len {
            return None;
        }
        let place = self.order.as_ref().map_or(index, |order| order[index]);
        let (turn, step) = (place / self.steps, place % self.steps);
        Some(match &self.what {
            What::Event(event) => self.event(event, turn, now),
            What::Scenario(name) => self.told(name, turn).map(|told| told[step].clone()),
        })
    }

    fn event(&self, event: &str, turn: usize, now: WallTime) -> Result<Told, SampleError> {
        let sample = self.story(turn)?.tell(event, now, &self.overrides)?;
        Ok((sample, Duration::ZERO))
    }

    fn story(&self, turn: usize) -> Result<Story, NameError> {
        let story = Story::new(&self.scheme, self.seed.wrapping_add(turn as u64))?;
        match &self.version {
            Some(version) => story.in_version(version),
            None => Ok(story),
        }
    }

    /// The events of a turn of a scenario.
    fn told(&self, name: &str, turn: usize) -> Result<Arc<[Told]>, SampleError> {
        let mut last = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, told)) = last.as_ref().filter(|(of, _)| *of == turn) {
            return Ok(told.clone());
        }
        let told: Arc<[Told]> = self.tell(name, turn)?.into();
        *last = Some((turn, told.clone()));
        Ok(told)
    }

    fn tell(&self, name: &str, turn: usize) -> Result<Vec<Told>, SampleError> {
        let mut story = self.story(turn)?;
        let steps = story.steps(name)?;
        let whole: Duration = steps.iter().map(|step| step.after).sum();
        let mut time = self.now - whole;
        let told = steps.into_iter().map(|step| {
            let after = step.after;
            time = time + after;
            let sample = story.tell_step(name, step, time, &self.overrides)?;
            let wait = self
                .speed
                .map_or(Duration::ZERO, |speed| after.div_f64(speed));
            Ok((sample, wait))
        });
        told.collect()
    }
}
