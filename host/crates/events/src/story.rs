//! Fills events with values. The events of one story share their values: the customer of the first
//! event is the customer of the last.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_base::quantity::parse_duration;
use tollgate_base::time::WallTime;
use tollgate_scheme::UnsignedRequest;

use crate::catalog::{self, EventData, File, NameError};
use crate::drawing::Drawing;
use crate::moment::moment;
use crate::node::Node;
use crate::overriding::{self, Override, OverrideError};
use crate::template::{self, TemplateError, Values};

/// An event as its provider would write it, not signed yet.
#[derive(Clone, Debug)]
pub struct SampleEvent {
    /// The name in the catalog.
    pub name: String,
    /// The event's type, as the gateway reads it.
    pub kind: String,
    /// The event's id, as the gateway reads it.
    pub id: Option<String>,
    /// The object that the event is about, as the gateway reads it.
    pub subject: Option<String>,
    /// The event's time, as the gateway reads it.
    pub created: Option<WallTime>,
    /// The headers that the provider sends, without those of the signature.
    pub headers: HeaderMap,
    /// The body. Signing may add to it, wrap it or encrypt it.
    pub body: Bytes,
    /// A sentence about each override that replaced nothing and added a value.
    pub added: Vec<String>,
}

impl SampleEvent {
    /// The request, for [`tollgate_scheme::Verifier::sign`].
    pub fn unsigned(&self) -> UnsignedRequest {
        UnsignedRequest {
            body: self.body.clone(),
            headers: self.headers.clone(),
        }
    }
}

/// Why an event cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// There is no such event, or scheme.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A value cannot be replaced.
    #[error(transparent)]
    Override(#[from] OverrideError),
    /// The template is wrong. A test shows that no template is.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// One event of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The event's name.
    pub event: &'static str,
    /// How long after the event before.
    pub after: Duration,
    index: usize,
}

/// The values of some events that belong together.
pub struct Story {
    scheme: &'static str,
    file: &'static File,
    seed: u64,
    version: &'static str,
    /// The number of events told.
    told: u64,
}

impl Story {
    /// A story of events of a scheme. The same seed gives the same values.
    pub fn new(scheme: &str, seed: u64) -> Result<Self, NameError> {
        let file = catalog::file(scheme).ok_or_else(|| NameError::scheme(scheme))?;
        let scheme = catalog::schemes().find(|name| *name == scheme);
        Ok(Self {
            scheme: scheme.unwrap_or_default(),
            file,
            seed,
            version: file.versions.first().map_or("", String::as_str),
            told: 0,
        })
    }

    /// Gives the events the shape of an API version of the provider.
    pub fn in_version(mut self, version: &str) -> Result<Self, NameError> {
        let mut known = self.file.versions.iter();
        let unknown = || NameError::version(self.scheme, version);
        self.version = known.find(|known| *known == version).ok_or_else(unknown)?;
        Ok(self)
    }

    /// The events of a story of the scheme, in order.
    pub fn steps(&self, story: &str) -> Result<Vec<Step>, NameError> {
        let data = self.file.stories.get(story);
        let data = data.ok_or_else(|| NameError::story(self.scheme, story))?;
        let steps = data.steps.iter().enumerate();
        let step = |(index, step): (usize, &'static catalog::StepData)| Step {
            event: &step.event,
            after: parse_duration(&step.after).unwrap_or_default(),
            index,
        };
        Ok(steps.map(step).collect())
    }

    /// The next event, as sent at `now`.
    pub fn tell(
        &mut self,
        name: &str,
        now: WallTime,
        overrides: &[Override],
    ) -> Result<SampleEvent, SampleError> {
        self.tell_with(name, &BTreeMap::new(), now, overrides)
    }

    /// A step of a story, as sent at `now`.
    pub fn tell_step(
        &mut self,
        story: &str,
        step: Step,
        now: WallTime,
        overrides: &[Override],
    ) -> Result<SampleEvent, SampleError> {
        let data = self.file.stories.get(story);
        let data = data.and_then(|data| data.steps.get(step.index));
        let data = data.ok_or_else(|| NameError::story(self.scheme, story))?;
        self.tell_with(&data.event, &data.with, now, overrides)
    }

    fn tell_with(
        &mut self,
        name: &str,
        with: &BTreeMap<String, Node>,
        now: WallTime,
        overrides: &[Override],
    ) -> Result<SampleEvent, SampleError> {
        let event = self.file.event(name);
        let event = event.ok_or_else(|| NameError::event(self.scheme, name))?;
        let mut telling = Telling {
            story: self,
            event: &event,
            name,
            with,
            now,
            depth: 0,
        };
        let sample = telling.sample(overrides)?;
        self.told += 1;
        Ok(sample)
    }
}

/// How deep values may name other values.
const DEEPEST: u32 = 16;

/// One event that is being filled.
struct Telling<'s> {
    story: &'s Story,
    event: &'s EventData,
    name: &'s str,
    with: &'s BTreeMap<String, Node>,
    now: WallTime,
    depth: u32,
}

impl Telling<'_> {
    fn sample(&mut self, overrides: &[Override]) -> Result<SampleEvent, SampleError> {
        let event = self.event;
        let (body, added) = self.body(overrides)?;
        Ok(SampleEvent {
            name: self.name.to_owned(),
            kind: self.kind()?,
            id: self.stated(event.id.as_deref())?,
            subject: self.stated(event.subject.as_deref())?,
            created: self.created()?,
            headers: self.headers()?,
            body,
            added,
        })
    }

    fn kind(&mut self) -> Result<String, TemplateError> {
        let kind = self.event.kind.as_deref().unwrap_or(self.name);
        template::filled_text(kind, self)
    }

    /// A text that the data state. An empty text means that there is none.
    fn stated(&mut self, text: Option<&str>) -> Result<Option<String>, TemplateError> {
        let text = text
            .map(|text| template::filled_text(text, self))
            .transpose()?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn created(&self) -> Result<Option<WallTime>, TemplateError> {
        let text = self
            .event
            .created
            .as_deref()
            .filter(|text| !text.is_empty());
        let read = |text| moment(text, self.now).ok_or(TemplateError::Shape("time"));
        text.map(read).transpose()
    }

    fn headers(&mut self) -> Result<HeaderMap, TemplateError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.event.headers {
            let value = template::filled_text(value, self)?;
            let name = HeaderName::try_from(name.as_str());
            let name = name.map_err(|_| TemplateError::Shape("header name"))?;
            let value = HeaderValue::try_from(value);
            headers.insert(
                name,
                value.map_err(|_| TemplateError::Shape("header value"))?,
            );
        }
        Ok(headers)
    }

    fn body(&mut self, overrides: &[Override]) -> Result<(Bytes, Vec<String>), SampleError> {
        let event = self.event;
        if let Some(lines) = &event.lines {
            if let Some(first) = overrides.first() {
                return Err(OverrideError::NoFields(first.pointer.clone()).into());
            }
            let lines = lines.iter().map(|line| template::filled_text(line, self));
            let lines: Result<Vec<_>, _> = lines.collect();
            return Ok((lines?.join("\n").into(), Vec::new()));
        }
        let body = event.body.as_ref().or(event.form.as_ref());
        let body = body.ok_or(TemplateError::Shape("body"))?;
        let mut body = template::fill(body, self)?;
        let mut added = Vec::new();
        for one in overrides {
            added.extend(overriding::apply(&mut body, one)?);
        }
        let body = template::wrapped(body);
        let bytes = match (&event.form, self.story.file.pretty) {
            (Some(_), _) => form(&body)?.into(),
            (None, true) => body.pretty().into(),
            (None, false) => body.to_string().into(),
        };
        Ok((bytes, added))
    }

    /// The template of a name: of the step, of the event, or of the scheme.
    fn template(&self, name: &str) -> Option<&Node> {
        let own = self.with.get(name).or_else(|| self.event.with.get(name));
        own.or_else(|| self.story.file.parts.get(name))
    }

    fn drawn(&self, name: &str) -> Result<Node, TemplateError> {
        let story = self.story;
        if let Some(pattern) = story.file.values.get(name) {
            return Drawing::new(story.seed, name, 0).draw(pattern);
        }
        let pattern = story.file.fresh.get(name);
        let pattern = pattern.ok_or_else(|| TemplateError::Unknown(name.to_owned()))?;
        Drawing::new(story.seed, name, story.told + 1).draw(pattern)
    }
}

impl Values for Telling<'_> {
    fn value(&mut self, name: &str) -> Result<Node, TemplateError> {
        if let Some(time) = moment(name, self.now) {
            return Ok(Node::number(time.as_millis()));
        }
        if let Some(template) = self.template(name).cloned() {
            if self.depth == DEEPEST {
                return Err(TemplateError::Unknown(name.to_owned()));
            }
            self.depth += 1;
            let filled = template::fill(&template, self);
            self.depth -= 1;
            return filled;
        }
        match name {
            "name" => Ok(Node::Text(self.name.to_owned())),
            "kind" => self.kind().map(Node::Text),
            "version" => Ok(Node::Text(self.story.version.to_owned())),
            name => self.drawn(name),
        }
    }

    fn version(&self) -> &str {
        self.story.version
    }
}

/// The members of an object as a form.
fn form(fields: &Node) -> Result<String, TemplateError> {
    let Node::Object(fields) = fields else {
        return Err(TemplateError::Shape("object of form fields"));
    };
    let mut text = String::new();
    for (name, value) in fields {
        let value = value
            .as_text()
            .ok_or(TemplateError::Shape("plain form field"))?;
        text.push_str(if text.is_empty() { "" } else { "&" });
        text.push_str(&escaped(name));
        text.push('=');
        text.push_str(&escaped(value));
    }
    Ok(text)
}

/// A text as forms write it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
