//! Manifests, built from the parts that a scenario is about.

use std::fmt::Write;
use std::net::SocketAddr;

use super::PATH;

/// The text of a manifest: listeners on free ports, a Stripe source, and the added parts.
#[derive(Clone)]
pub(crate) struct Manifest {
    server: String,
    plugins: String,
    reload: String,
    sections: String,
}

/// The section `[handlers.NAME]`.
#[derive(Clone)]
pub(crate) struct Handler {
    name: String,
    component: String,
    retry: String,
    settings: String,
    allow: String,
}

impl Manifest {
    pub(crate) fn new() -> Self {
        Self {
            server: String::new(),
            plugins: String::new(),
            reload: "debounce = \"30ms\"\n".to_owned(),
            sections: String::new(),
        }
    }

    /// Adds a line to `[server]`.
    pub(crate) fn server(mut self, line: &str) -> Self {
        writeln!(self.server, "{line}").unwrap();
        self
    }

    /// Adds a line to `[plugins]`.
    pub(crate) fn plugins(mut self, line: &str) -> Self {
        writeln!(self.plugins, "{line}").unwrap();
        self
    }

    /// Replaces the lines of `[reload]`.
    pub(crate) fn reload(mut self, lines: &str) -> Self {
        self.reload = format!("{lines}\n");
        self
    }

    /// Adds any other sections.
    pub(crate) fn section(mut self, text: &str) -> Self {
        writeln!(self.sections, "{text}").unwrap();
        self
    }

    pub(crate) fn handler(self, handler: Handler) -> Self {
        let text = handler.text();
        self.section(&text)
    }

    /// Adds a route of the Stripe source.
    pub(crate) fn route(self, events: &str, handlers: &[&str]) -> Self {
        self.route_of("stripe", events, handlers, "")
    }

    /// Adds a route of any source, with further keys.
    pub(crate) fn route_of(
        self,
        source: &str,
        events: &str,
        handlers: &[&str],
        more: &str,
    ) -> Self {
        let text = format!(
            "[[routes]]\nsource = \"{source}\"\nevents = [\"{events}\"]\nhandlers = {handlers:?}\n{more}\n"
        );
        self.section(&text)
    }

    /// Makes a manifest with one handler that receives every event.
    pub(crate) fn with_one(handler: Handler) -> Self {
        let name = handler.name.clone();
        Self::new().handler(handler).route("*", &[&name])
    }

    pub(crate) fn text(&self) -> String {
        let Self {
            server,
            plugins,
            reload,
            sections,
        } = self;
        format!(
            "version = 1\n\
             [server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n{server}\
             [ledger]\nurl = \"sqlite:data/tollgate.db\"\n\
             [plugins]\ndir = \"plugins\"\n{plugins}\
             [reload]\n{reload}\
             [outbox]\nretry = {{ attempts = 6, first = \"20ms\", factor = 1.5, max = \"200ms\", jitter = 0.0 }}\n\
             [sources.stripe]\npath = \"{PATH}\"\nscheme = \"stripe\"\n\
             secrets = [\"${{TOLLGATE_TEST_SECRET}}\"]\n\
             {sections}"
        )
    }
}

impl Handler {
    /// Makes a handler that runs the conformance guest and retries at once.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            component: "conformance.wasm".to_owned(),
            retry: "retry = { attempts = 5, first = \"10ms\", factor = 1.0, max = \"1s\", jitter = 0.0 }"
                .to_owned(),
            settings: String::new(),
            allow: String::new(),
        }
    }

    pub(crate) fn component(mut self, file: &str) -> Self {
        file.clone_into(&mut self.component);
        self
    }

    /// Sets the number of attempts and the retry delay.
    pub(crate) fn retry(mut self, attempts: u32, first: &str) -> Self {
        self.retry = format!(
            "retry = {{ attempts = {attempts}, first = \"{first}\", factor = 1.0, max = \"{first}\", jitter = 0.0 }}"
        );
        self
    }

    /// Adds a line to the handler's section.
    pub(crate) fn set(mut self, line: &str) -> Self {
        writeln!(self.settings, "{line}").unwrap();
        self
    }

    /// Allows requests to a receiver.
    pub(crate) fn allow(self, receiver: SocketAddr) -> Self {
        self.allow_with(receiver, "")
    }

    /// Allows requests to a receiver, with further keys.
    pub(crate) fn allow_with(mut self, receiver: SocketAddr, more: &str) -> Self {
        write!(
            self.allow,
            "[[handlers.{}.allow]]\norigin = \"http://{receiver}\"\n{more}\n",
            self.name
        )
        .unwrap();
        self
    }

    fn text(&self) -> String {
        let Self {
            name,
            component,
            retry,
            settings,
            allow,
        } = self;
        format!("[handlers.{name}]\ncomponent = \"{component}\"\n{retry}\n{settings}{allow}")
    }
}
