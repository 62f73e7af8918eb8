//! The events of each scheme, as `data/NAME.json` has them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use tollgate_base::suggest::nearest;
use tollgate_scheme::each_scheme;

use crate::key::KeyKind;
use crate::node::Node;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../data/", $name, ".json")))),+]
    };
}

/// Every scheme with the text of its file, in alphabetical order.
pub(crate) const FILES: &[(&str, &str)] = each_scheme!(files);

/// The events of one scheme.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// A source for tests: secrets, URL and further settings.
    #[serde(default)]
    pub(crate) settings: SettingsData,
    /// The API versions whose shapes the events can have, the newest first.
    #[serde(default)]
    pub(crate) versions: Vec<String>,
    /// Whether the provider writes its bodies in lines.
    #[serde(default)]
    pub(crate) pretty: bool,
    /// The values that events have unless they state their own.
    #[serde(default)]
    pub(crate) common: EventData,
    /// How values are drawn. A value stays the same for all events of a story.
    #[serde(default)]
    pub(crate) values: BTreeMap<String, Node>,
    /// Like `values`, but drawn anew for each event.
    #[serde(default)]
    pub(crate) fresh: BTreeMap<String, Node>,
    /// Parts that several events share.
    #[serde(default)]
    pub(crate) parts: BTreeMap<String, Node>,
    /// A second form in which the provider sends an event.
    #[serde(default)]
    pub(crate) twin: Option<TwinData>,
    /// The events by name.
    pub(crate) events: BTreeMap<String, EventData>,
    /// Stories by name: several events in order.
    #[serde(default)]
    pub(crate) stories: BTreeMap<String, StoryData>,
}

/// The settings of a source.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsData {
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
    pub(crate) url: Option<String>,
    #[serde(default)]
    pub(crate) params: BTreeMap<String, String>,
    /// The kind of the provider's key pair, if the provider signs with a private key.
    pub(crate) key: Option<KeyKind>,
}

/// One event. An absent member has the value of [`File::common`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventData {
    /// The event in a few words.
    #[serde(default)]
    pub(crate) about: String,
    /// The event's type, if it is not the event's name.
    pub(crate) kind: Option<String>,
    /// The event's id, as the gateway reads it.
    pub(crate) id: Option<String>,
    /// The object that the event is about, as the gateway reads it.
    pub(crate) subject: Option<String>,
    /// The event's time, as the gateway reads it: `now`, `now-2h`, or empty for none.
    pub(crate) created: Option<String>,
    /// The headers that the provider sends.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Values for this event alone.
    #[serde(default)]
    pub(crate) with: BTreeMap<String, Node>,
    /// A JSON body.
    pub(crate) body: Option<Node>,
    /// The fields of a form as body.
    pub(crate) form: Option<Node>,
    /// The lines of a body of another kind.
    pub(crate) lines: Option<Vec<String>>,
    /// Whether the event has the second form too.
    pub(crate) twin: Option<bool>,
}

/// The second form of events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TwinData {
    /// The text before the name and the type.
    pub(crate) prefix: String,
    /// The values that events in this form have unless they state their own.
    pub(crate) common: EventData,
}

/// Several events in order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoryData {
    /// The story in a few words.
    pub(crate) about: String,
    /// The events in order.
    pub(crate) steps: Vec<StepData>,
}

/// One event of a story.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepData {
    /// The event's name.
    pub(crate) event: String,
    /// How long after the event before, such as `3d`.
    #[serde(default)]
    pub(crate) after: String,
    /// Values for this step alone.
    #[serde(default)]
    pub(crate) with: BTreeMap<String, Node>,
}

static CATALOG: LazyLock<BTreeMap<&str, File>> = LazyLock::new(|| {
    let read = |(name, text): &(&'static str, &str)| match serde_json::from_str::<File>(text) {
        Ok(file) => (*name, file),
        Err(error) => panic!("a test shows that the files are well-formed: {name}: {error}"),
    };
    FILES.iter().map(read).collect()
});

/// Every scheme that has events, in alphabetical order.
pub fn schemes() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// The events of a scheme.
pub(crate) fn file(scheme: &str) -> Option<&'static File> {
    CATALOG.get(scheme)
}

/// An event of a scheme, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name of the event.
    pub name: String,
    /// The event in a few words.
    pub about: &'static str,
}

/// The events of a scheme in alphabetical order. Empty if there is no such scheme.
pub fn events(scheme: &str) -> Vec<Listed> {
    let Some(file) = file(scheme) else {
        return Vec::new();
    };
    let mut listed: Vec<Listed> = Vec::new();
    for (name, event) in &file.events {
        let about = event.about.as_str();
        listed.push(Listed {
            name: name.clone(),
            about,
        });
        if let Some(twin) = file.twin_of(event) {
            let name = format!("{}{name}", twin.prefix);
            listed.push(Listed { name, about });
        }
    }
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    listed
}

/// The types that the events of a scheme have, as the gateway reads them, as far as the data states
/// them as they are. Providers have more.
pub fn types(scheme: &str) -> Vec<String> {
    let Some(file) = file(scheme) else {
        return Vec::new();
    };
    let mut types = Vec::new();
    for (name, event) in &file.events {
        let stated = event.kind.as_ref().or(file.common.kind.as_ref());
        let kind = stated.unwrap_or(name);
        types.push(kind.clone());
        if let Some(twin) = file.twin_of(event) {
            types.push(format!("{}{kind}", twin.prefix));
        }
    }
    types.retain(|kind| !kind.contains("{{"));
    types
}

/// Whether a scheme has an event of this name.
pub fn has_event(scheme: &str, name: &str) -> bool {
    file(scheme).is_some_and(|file| file.event(name).is_some())
}

/// The stories of a scheme: the name and a few words about each.
pub fn stories(scheme: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let stories = file(scheme).into_iter().flat_map(|file| &file.stories);
    stories.map(|(name, story)| (name.as_str(), story.about.as_str()))
}

/// The API versions whose shapes the events of a scheme can have, the newest first.
pub fn versions(scheme: &str) -> &'static [String] {
    file(scheme).map_or(&[], |file| &file.versions)
}

/// Why there is no such event, story or scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no such scheme.
    #[error("there are no events of a scheme `{name}`{hint}")]
    Scheme {
        /// The name as written.
        name: String,
        /// The name that was probably meant.
        hint: String,
    },
    /// The scheme has no such event.
    #[error("`{scheme}` has no event `{name}`{hint}")]
    Event {
        /// The scheme.
        scheme: String,
        /// The name as written.
        name: String,
        /// The names that were probably meant.
        hint: String,
    },
    /// The scheme has no such story.
    #[error("`{scheme}` has no scenario `{name}`{hint}")]
    Story {
        /// The scheme.
        scheme: String,
        /// The name as written.
        name: String,
        /// The names that there are.
        hint: String,
    },
    /// The events have no such API version.
    #[error("the events of `{scheme}` have no API version `{version}`; {hint}")]
    Version {
        /// The scheme.
        scheme: String,
        /// The version as written.
        version: String,
        /// The versions that there are.
        hint: String,
    },
}

impl NameError {
    pub(crate) fn scheme(name: &str) -> Self {
        let hint = match nearest(name, schemes()) {
            Some(known) => format!(": did you mean `{known}`?"),
            None => "; `tollgate schemes` lists the schemes".to_owned(),
        };
        Self::Scheme {
            name: name.to_owned(),
            hint,
        }
    }

    pub(crate) fn event(scheme: &str, name: &str) -> Self {
        let listed = events(scheme);
        let names: Vec<&str> = listed.iter().map(|event| event.name.as_str()).collect();
        Self::Event {
            scheme: scheme.to_owned(),
            name: name.to_owned(),
            hint: suggestions(name, &names),
        }
    }

    pub(crate) fn story(scheme: &str, name: &str) -> Self {
        let names: Vec<&str> = stories(scheme).map(|(name, _)| name).collect();
        Self::Story {
            scheme: scheme.to_owned(),
            name: name.to_owned(),
            hint: suggestions(name, &names),
        }
    }

    pub(crate) fn version(scheme: &str, version: &str) -> Self {
        let hint = match versions(scheme) {
            [] => "leave the version out".to_owned(),
            known => format!("there are {}", known.join(", ")),
        };
        Self::Version {
            scheme: scheme.to_owned(),
            version: version.to_owned(),
            hint,
        }
    }
}

/// The names that were probably meant: the nearest one, else those that share a word, else all if
/// they are few.
fn suggestions(written: &str, names: &[&str]) -> String {
    const FEW: usize = 8;
    let listed = |names: &[&str]| {
        let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    if names.is_empty() {
        return ": there is none".to_owned();
    }
    // Some providers name their events in capitals.
    let small: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let found = nearest(written, small.iter().map(String::as_str));
    let at = found.and_then(|found| small.iter().position(|name| name == found));
    if let Some(name) = at.and_then(|at| names.get(at)) {
        return format!(": did you mean `{name}`?");
    }
    let is_word_end = |letter: char| !letter.is_ascii_alphanumeric();
    let words: Vec<String> = written
        .split(is_word_end)
        .filter(|word| word.len() > 2)
        .map(str::to_ascii_lowercase)
        .collect();
    let shares = |name: &&&str| {
        let name = name.to_ascii_lowercase();
        words
            .iter()
            .any(|word| name.split(is_word_end).any(|part| part == word))
    };
    let alike: Vec<&str> = names.iter().filter(shares).take(FEW).copied().collect();
    match (alike.is_empty(), names.len() <= FEW) {
        (false, _) => format!("; similar names: {}", listed(&alike)),
        (true, true) => format!("; there are {}", listed(names)),
        (true, false) => "; `tollgate trigger --list` shows all".to_owned(),
    }
}

impl File {
    /// The data of an event, with what all events share.
    pub(crate) fn event(&self, name: &str) -> Option<EventData> {
        if let Some(event) = self.events.get(name) {
            return Some(event.clone().or(&self.common));
        }
        let twin = self.twin.as_ref()?;
        let event = self.events.get(name.strip_prefix(&twin.prefix)?)?;
        self.twin_of(event)?;
        let own = EventData {
            about: event.about.clone(),
            with: event.with.clone(),
            ..EventData::default()
        };
        Some(own.or(&twin.common))
    }

    /// The second form of an event, if the event has one.
    pub(crate) fn twin_of(&self, event: &EventData) -> Option<&TwinData> {
        self.twin.as_ref().filter(|_| event.twin != Some(false))
    }
}

impl EventData {
    /// The data, with that of all events where this one is silent.
    fn or(mut self, common: &Self) -> Self {
        let has_body = self.body.is_some() || self.form.is_some() || self.lines.is_some();
        if !has_body {
            self.body.clone_from(&common.body);
            self.form.clone_from(&common.form);
            self.lines.clone_from(&common.lines);
        }
        let texts = [
            (&mut self.kind, &common.kind),
            (&mut self.id, &common.id),
            (&mut self.subject, &common.subject),
            (&mut self.created, &common.created),
        ];
        for (own, common) in texts {
            if own.is_none() {
                own.clone_from(common);
            }
        }
        for (name, value) in &common.headers {
            self.headers
                .entry(name.clone())
                .or_insert_with(|| value.clone());
        }
        for (name, value) in &common.with {
            self.with
                .entry(name.clone())
                .or_insert_with(|| value.clone());
        }
        self
    }
}
