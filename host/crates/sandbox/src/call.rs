//! The host's side of one run: what a guest may ask for, counted against its limits, and
//! what it asked for, kept until the run has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::capture::{Logs, Output};
use super::guest::Guest;
use super::limits::Budget;
use super::state::{MAX_KEY, StateSource, StateView};
use super::turns::Turn;
use tollgate_base::event::{
    DedupBasis, DedupKey, Event, EventId, Headers, MAX_DEPTH, OUTBOX_RESPONSE,
};
use tollgate_base::origin::Origin;
use tollgate_ledger::{
    Delivery, Due, Effects, LedgerError, NewEvent, NewRequest, NewScheduled, Read, Respond,
    SCHEDULE_HORIZON, ScheduleWrite,
};

/// The longest type of an event that a handler makes, in bytes.
const MAX_KIND: usize = 255;

/// Headers that the host sets itself, or that belong to the connection.
const RESERVED_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "tollgate-event-id",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Why the host ends a run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The guest went over a limit that the host counts.
    #[error("the handler's limit on {0} was reached")]
    Limit(&'static str),
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// One run's data in the store.
pub(super) struct Call {
    pub(super) budget: Budget,
    pub(super) logs: Logs,
    pub(super) state: StateView,
    pub(super) guest: Arc<Guest>,
    delivery: Delivery,
    outbox: Vec<NewRequest>,
    emitted: Vec<NewEvent>,
    schedule: BTreeMap<String, ScheduleWrite>,
    /// Calls of outbox, emit and schedule so far: what tells their idempotency keys apart.
    effect_calls: u32,
    effect_bytes: usize,
    host_calls: u32,
    wasi: Option<Box<Wasi>>,
    /// The turn that the guest computes in, once it has computed for long.
    pub(super) turn: Option<Turn>,
    /// Whether its thread was given a lower priority for that.
    pub(super) lowered: bool,
}

/// WASI with nothing behind it but clocks, random numbers and captured output.
struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    stdout: Output,
    stderr: Output,
}

impl Wasi {
    fn new(limit: usize) -> Self {
        let (stdout, stderr) = (Output::new(limit), Output::new(limit));
        let ctx = WasiCtx::builder()
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self {
            ctx,
            table: ResourceTable::new(),
            stdout,
            stderr,
        }
    }
}

/// A request was not queued, or an event not emitted or scheduled; the guest is told.
#[derive(Debug)]
pub(super) enum Refused {
    Invalid(String),
    NotAllowed(String),
    InvalidKey,
    TooDeep,
    TooLarge,
}

impl Call {
    /// The data of a run. `wasi` says whether the component imports WASI at all; setting
    /// it up costs more than many a run.
    pub(super) fn new(
        guest: &Arc<Guest>,
        delivery: &Delivery,
        state: StateSource,
        wasi: bool,
    ) -> Self {
        Self {
            budget: Budget::new(&guest.limits),
            logs: Logs::new(guest.limits.logs),
            state: StateView::new(state, guest.name.clone()),
            guest: guest.clone(),
            delivery: delivery.clone(),
            outbox: Vec::new(),
            emitted: Vec::new(),
            schedule: BTreeMap::new(),
            effect_calls: 0,
            effect_bytes: 0,
            host_calls: 0,
            wasi: wasi.then(|| Box::new(Wasi::new(guest.limits.output))),
            turn: None,
            lowered: false,
        }
    }

    /// Counts one call of the host.
    pub(super) fn count_call(&mut self) -> Result<(), Stop> {
        self.host_calls += 1;
        if self.host_calls > self.guest.limits.calls {
            return Err(Stop::Limit("calls"));
        }
        Ok(())
    }

    /// Counts what an effect holds; false if that is more than the handler may have.
    pub(super) fn take_effect(&mut self, bytes: usize) -> bool {
        // Rows have a cost of their own, however short they are.
        const ROW: usize = 64;
        let total = self.effect_bytes.saturating_add(bytes).saturating_add(ROW);
        let fits = total <= self.guest.limits.effects;
        if fits {
            self.effect_bytes = total;
        }
        fits
    }

    fn next_key(&mut self) -> String {
        let key = self.delivery.idempotency_key(self.effect_calls);
        self.effect_calls += 1;
        key
    }

    /// Queues a request; answers its idempotency key.
    pub(super) fn send(
        &mut self,
        method: &str,
        url: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        order_key: Option<String>,
        respond: Option<String>,
    ) -> Result<String, Refused> {
        http::Method::from_bytes(method.as_bytes())
            .map_err(|_| Refused::Invalid(format!("`{method}` is no HTTP method")))?;
        let origin = self.allowed_origin(&url)?;
        for (name, value) in &headers {
            self.check_header(&origin, name, value)?;
        }
        let respond = respond.map(|text| self.respond(text)).transpose()?;
        let size = url.len()
            + body.len()
            + order_key.as_ref().map_or(0, String::len)
            + respond.as_ref().map_or(0, |of| of.correlation.len())
            + headers
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>();
        if !self.take_effect(size) {
            return Err(Refused::TooLarge);
        }
        let key = self.next_key();
        self.outbox.push(NewRequest {
            key: key.clone(),
            method: method.to_owned(),
            url,
            headers,
            body: Bytes::from(body),
            order_key,
            respond,
        });
        Ok(key)
    }

    fn respond(&self, correlation: String) -> Result<Respond, Refused> {
        let cause = &self.delivery.event;
        let depth = cause.depth + 1;
        if depth > MAX_DEPTH {
            return Err(Refused::TooDeep);
        }
        Ok(Respond {
            correlation,
            account: cause.account.clone(),
            depth,
        })
    }

    fn allowed_origin(&self, url: &str) -> Result<Origin, Refused> {
        let uri: http::Uri = url
            .parse()
            .map_err(|error| Refused::Invalid(format!("`{url}` is no URL: {error}")))?;
        let origin = Origin::of(&uri).map_err(|error| Refused::Invalid(error.to_string()))?;
        if self.guest.grants.iter().any(|grant| grant.origin == origin) {
            Ok(origin)
        } else {
            Err(Refused::NotAllowed(origin.to_string()))
        }
    }

    fn check_header(&self, origin: &Origin, name: &str, value: &str) -> Result<(), Refused> {
        let parsed = http::HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Refused::Invalid(format!("`{name}` is no header name")))?;
        http::HeaderValue::from_str(value).map_err(|_| {
            Refused::Invalid(format!("the value of header `{name}` is no header value"))
        })?;
        let name = parsed.as_str();
        let from_manifest = self
            .guest
            .grants
            .iter()
            .filter(|grant| grant.origin == *origin)
            .flat_map(|grant| &grant.headers)
            .any(|own| own.eq_ignore_ascii_case(name));
        if from_manifest || RESERVED_HEADERS.contains(&name) {
            return Err(Refused::Invalid(format!(
                "header `{name}` is set by the gateway"
            )));
        }
        Ok(())
    }

    /// Emits an event; answers its id.
    pub(super) fn emit(
        &mut self,
        kind: String,
        subject: Option<String>,
        payload: Vec<u8>,
    ) -> Result<EventId, Refused> {
        check_kind(&kind)?;
        let cause = self.delivery.event.clone();
        let depth = cause.depth + 1;
        if depth > MAX_DEPTH {
            return Err(Refused::TooDeep);
        }
        if !self.take_effect(kind.len() + subject.as_ref().map_or(0, String::len) + payload.len()) {
            return Err(Refused::TooLarge);
        }
        let key = self.next_key();
        let source = self.guest.name.as_source();
        let id = EventId::derived(cause.received, key.as_bytes());
        self.emitted.push(NewEvent {
            dedup: DedupKey::new(&source, &DedupBasis::SignedId(key)),
            also: Vec::new(),
            event: Event {
                id,
                source,
                provider_id: None,
                kind,
                subject,
                account: cause.account.clone(),
                created: None,
                received: cause.received,
                headers: Headers::default(),
                metadata: vec![
                    ("emitted-by".into(), self.guest.name.to_string()),
                    ("cause".into(), cause.id.to_string()),
                ],
                depth,
                payload: Bytes::from(payload),
            },
            // The routes are the gateway's to know; it fills them in before the commit.
            handlers: Vec::new(),
        });
        Ok(id)
    }

    /// Puts an event into the handler's schedule.
    pub(super) fn put(
        &mut self,
        key: String,
        due: Due,
        kind: String,
        subject: Option<String>,
        payload: Vec<u8>,
    ) -> Result<(), Refused> {
        check_key(&key)?;
        check_kind(&kind)?;
        if matches!(due, Due::After(delay) if delay > SCHEDULE_HORIZON) {
            return Err(Refused::Invalid("400 days ahead at most".into()));
        }
        let subject_size = subject.as_ref().map_or(0, String::len);
        if !self.take_effect(key.len() + kind.len() + subject_size + payload.len()) {
            return Err(Refused::TooLarge);
        }
        let call = self.next_key();
        let cause = &self.delivery.event;
        let put = NewScheduled {
            call,
            due,
            kind,
            subject,
            account: cause.account.clone(),
            depth: cause.depth,
            payload: Bytes::from(payload),
        };
        self.schedule.insert(key, ScheduleWrite::Put(put));
        Ok(())
    }

    /// Takes what is scheduled under a key away.
    pub(super) fn cancel(&mut self, key: String) -> Result<(), Refused> {
        check_key(&key)?;
        if !self.take_effect(key.len()) {
            return Err(Refused::TooLarge);
        }
        self.schedule.insert(key, ScheduleWrite::Cancel);
        Ok(())
    }

    /// What the run read, what it wants done, and what it said.
    pub(super) fn finish(mut self) -> (Vec<Read>, Effects, String) {
        if let Some(wasi) = self.wasi.take() {
            for (stream, output) in [("stdout", &wasi.stdout), ("stderr", &wasi.stderr)] {
                let text = output.text();
                if !text.is_empty() {
                    self.logs
                        .push("info", &text, &[("stream".into(), stream.into())]);
                }
            }
        }
        let (reads, state) = self.state.finish();
        let effects = Effects {
            state,
            outbox: self.outbox,
            emitted: self.emitted,
            schedule: self.schedule.into_iter().collect(),
        };
        (reads, effects, self.logs.into_lines())
    }
}

fn check_kind(kind: &str) -> Result<(), Refused> {
    if kind == OUTBOX_RESPONSE {
        return Err(Refused::Invalid(format!("`{kind}` is the gateway's own")));
    }
    if kind.is_empty() || kind.len() > MAX_KIND || kind.chars().any(char::is_control) {
        return Err(Refused::Invalid(
            "an event type has 1 to 255 bytes and no control characters".into(),
        ));
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), Refused> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(Refused::InvalidKey);
    }
    Ok(())
}

impl WasiView for Call {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self
            .wasi
            .as_mut()
            .expect("made for every component that imports WASI");
        WasiCtxView {
            ctx: &mut wasi.ctx,
            table: &mut wasi.table,
        }
    }
}
