//! The events to post, in order.

use std::time::Duration;

use tollgate_base::time::WallTime;
use tollgate_events::{NameError, Override, SampleError, SampleEvent, Story};

use super::args::TriggerArgs;
use super::target::Target;

/// The events to post, in order.
pub(super) struct Plan {
    scheme: String,
    version: Option<String>,
    overrides: Vec<Override>,
    items: Vec<Item>,
}

/// One event to post.
pub(super) enum Item {
    /// An event by itself. It is made when it is posted.
    Alone { event: String, seed: u64 },
    /// An event of a scenario, and the wait before it.
    Told(Box<SampleEvent>, Duration),
}

impl Plan {
    /// The events that the arguments mean.
    pub(super) fn of(args: &TriggerArgs, target: &Target) -> anyhow::Result<Self> {
        let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
        let mut plan = Self {
            scheme: target.scheme.clone(),
            version: args.api_version.clone(),
            overrides: args.overrides.clone(),
            items: Vec::new(),
        };
        let seeds = (0..args.repeat).map(|turn| seed.wrapping_add(u64::from(turn)));
        for seed in seeds {
            match (&args.event, &args.scenario) {
                (Some(event), _) => plan.items.push(Item::Alone {
                    event: event.clone(),
                    seed,
                }),
                (None, Some(name)) => plan.tell(name, seed, args.scheme.now(), args.speed)?,
                (None, None) => {}
            }
        }
        if args.out_of_order {
            fastrand::Rng::with_seed(seed).shuffle(&mut plan.items);
        }
        // A wrong name or pointer is told before anything is posted.
        if let Some(first) = plan.items.first() {
            plan.sample(first, args.scheme.now())?;
        }
        Ok(plan)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Item> {
        self.items.get(index)
    }

    /// The event of an item, as sent at `now`.
    pub(super) fn sample(&self, item: &Item, now: WallTime) -> Result<SampleEvent, SampleError> {
        match item {
            Item::Alone { event, seed } => self.story(*seed)?.tell(event, now, &self.overrides),
            Item::Told(sample, _) => Ok(SampleEvent::clone(sample)),
        }
    }

    fn story(&self, seed: u64) -> Result<Story, NameError> {
        let story = Story::new(&self.scheme, seed)?;
        match &self.version {
            Some(version) => story.in_version(version),
            None => Ok(story),
        }
    }

    /// Adds the events of a scenario that ends at `now`.
    fn tell(
        &mut self,
        name: &str,
        seed: u64,
        now: WallTime,
        speed: Option<f64>,
    ) -> Result<(), SampleError> {
        let mut story = self.story(seed)?;
        let steps = story.steps(name)?;
        let whole: Duration = steps.iter().map(|step| step.after).sum();
        let mut time = now - whole;
        for step in steps {
            time = time + step.after;
            let sample = story.tell_step(name, step, time, &self.overrides)?;
            let wait = speed.map_or(Duration::ZERO, |speed| step.after.div_f64(speed));
            self.items.push(Item::Told(Box::new(sample), wait));
        }
        Ok(())
    }
}
