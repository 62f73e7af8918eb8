//! The events to post, in order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_base::time::WallTime;
use tollgate_events::{NameError, Override, SampleError, SampleEvent, Story};
use tollgate_scheme::SignedRequest;

use super::args::TriggerArgs;
use super::outcome::Named;
use super::target::Target;
use crate::cli::request::{CapturedFile, CapturedMessage};

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
    Captures(Vec<Captured>),
}

/// A request to post.
pub(super) enum Item<'p> {
    /// An event, and the wait before it.
    Told(Box<SampleEvent>, Duration),
    /// A request that was captured.
    Captured(&'p Captured),
}

/// A request that was captured.
pub(super) struct Captured {
    message: CapturedMessage,
    /// Whether the request is posted with the signature that it came with.
    is_unchanged: bool,
    /// Its first event, as the capture has it.
    stated: Named,
}

impl Captured {
    /// The request as it came, if it is posted unchanged.
    fn unchanged(&self) -> Option<SignedRequest> {
        let message = &self.message;
        self.is_unchanged.then(|| SignedRequest {
            headers: message.headers.clone(),
            body: message.body.clone(),
            query: message.query().map(str::to_owned),
        })
    }
}

/// An event of a scenario, and the wait before it.
type Told = (SampleEvent, Duration);

impl Plan {
    /// The captures, in the order of the arguments.
    pub(super) fn of_captures(
        args: &TriggerArgs,
        captures: &[CapturedFile],
        target: &Target,
    ) -> anyhow::Result<Self> {
        let mut items = Vec::new();
        for capture in captures {
            if args.unchanged {
                capture.check_whole()?;
            }
            let (kind, id) = capture.event().unwrap_or(("(refused)", None));
            items.push(Captured {
                message: capture.message(&target.secrets)?.for_posting(),
                is_unchanged: args.unchanged,
                stated: Named {
                    kind: kind.to_owned(),
                    id: id.map(str::to_owned),
                },
            });
        }
        let steps = items.len();
        Ok(Self::repeated(args, target, What::Captures(items), steps))
    }

    /// The events that the arguments mean. A wrong name or pointer is told before anything is
    /// posted.
    pub(super) fn of(args: &TriggerArgs, target: &Target) -> anyhow::Result<Self> {
        let what = match (&args.event, &args.scenario) {
            (_, Some(name)) => What::Scenario(name.clone()),
            (event, None) => What::Event(event.clone().unwrap_or_default()),
        };
        let scenario = match &what {
            What::Scenario(name) => Some(name.clone()),
            _ => None,
        };
        let mut plan = Self::repeated(args, target, what, 1);
        if let Some(name) = scenario {
            let steps = plan.story(0)?.steps(&name)?.len();
            plan.repeat(args, steps);
        }
        Ok(plan)
    }

    /// The plan of so many turns, each of so many steps, as the arguments say.
    fn repeated(args: &TriggerArgs, target: &Target, what: What, steps: usize) -> Self {
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
        plan.repeat(args, steps);
        plan
    }

    fn repeat(&mut self, args: &TriggerArgs, steps: usize) {
        self.steps = steps;
        self.len = args.repeat as usize * steps;
        if args.out_of_order {
            let mut order: Vec<_> = (0..self.len).collect();
            fastrand::Rng::with_seed(self.seed).shuffle(&mut order);
            self.order = Some(order);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The request at an index, as sent at `now`. `None` at the end.
    pub(super) fn get(&self, index: usize, now: WallTime) -> Option<Result<Item<'_>, SampleError>> {
        if index >= self.len {
            return None;
        }
        let place = self.order.as_ref().map_or(index, |order| order[index]);
        let (turn, step) = (place / self.steps, place % self.steps);
        let told = match &self.what {
            What::Event(event) => self.event(event, turn, now),
            What::Scenario(name) => self.told(name, turn).map(|told| told[step].clone()),
            What::Captures(captures) => return Some(Ok(Item::Captured(&captures[step]))),
        };
        Some(told.map(|(sample, wait)| Item::Told(Box::new(sample), wait)))
    }

    /// The request of an item, signed by `target` as sent at `now`, and its names. A capture that
    /// is posted unchanged is not signed.
    pub(super) fn signed(
        &self,
        item: &Item<'_>,
        target: &Target,
        now: WallTime,
    ) -> anyhow::Result<(SignedRequest, Named)> {
        let (unsigned, stated) = match item {
            Item::Captured(captured) => {
                let stated = captured.stated.clone();
                if let Some(unchanged) = captured.unchanged() {
                    return Ok((unchanged, stated));
                }
                (captured.message.clone().unsigned(), stated)
            }
            Item::Told(sample, _) => {
                let stated = Named {
                    kind: sample.kind.clone(),
                    id: sample.id.clone(),
                };
                (sample.unsigned(), stated)
            }
        };
        let mut signed = target.sign(unsigned, now)?;
        if let Item::Captured(captured) = item {
            let query = captured.message.query().map(str::to_owned);
            signed.query = signed.query.or(query);
        }
        let named = Named::of(&target.verifier, &signed, stated, now);
        Ok((signed, named))
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
