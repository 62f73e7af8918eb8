//! The defaults and the bounds of the manifest's settings.

use std::time::Duration;

use tollgate_base::rate::Rate;

/// The default of a setting, and its least and greatest allowed value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounded<T> {
    pub(crate) default: T,
    pub(crate) min: T,
    pub(crate) max: T,
}

const fn millis(default: u64, min: u64, max: u64) -> Bounded<Duration> {
    Bounded {
        default: Duration::from_millis(default),
        min: Duration::from_millis(min),
        max: Duration::from_millis(max),
    }
}

const fn bounded(default: usize, min: usize, max: usize) -> Bounded<usize> {
    Bounded { default, min, max }
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// All interfaces, because providers post from outside.
pub(crate) const LISTEN: &str = "0.0.0.0:8080";
/// The port of plain HTTP.
pub(crate) const REDIRECT: &str = "0.0.0.0:80";
/// Every port.
pub(crate) const PORT: Bounded<u16> = Bounded {
    default: 443,
    min: 1,
    max: u16::MAX,
};
/// The authority that most use.
pub(crate) const ACME_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Loopback: the admin service needs no token there.
pub(crate) const ADMIN: &str = "127.0.0.1:8081";
/// 128 bits have 32 characters in hex, and fewer in other alphabets.
pub(crate) const MIN_ADMIN_TOKEN: usize = 16;
/// A few hundred times the usual body of 2 KB. Stripe's largest events have some hundred KB. Bodies
/// are in memory, so memory must have room for many bodies.
pub(crate) const BODY_LIMIT: Bounded<usize> = bounded(MIB, KIB, 64 * MIB);
/// Providers send their headers at once. Ten seconds are enough for several lost packets.
pub(crate) const HEADER_TIMEOUT: Bounded<Duration> = millis(10 * SECOND, 100, 5 * MINUTE);
/// Longer than the 60 s for which nginx, HAProxy and the load balancers of AWS keep an idle
/// connection to a server, so that they close first and lose no request. Google's keep one for ten
/// minutes.
pub(crate) const IDLE_TIMEOUT: Bounded<Duration> = millis(75 * SECOND, 1000, HOUR);
/// The time of a body of 1 MiB at 50 KiB a second. Most providers give up sooner.
pub(crate) const BODY_TIMEOUT: Bounded<Duration> = millis(20 * SECOND, 100, 10 * MINUTE);
/// Far more than one provider opens. With bodies at their limit, 4096 connections need 4 GiB.
pub(crate) const CONNECTIONS: Bounded<usize> = bounded(4096, 1, 1_000_000);
/// Several times what honest senders need: 10,000 requests under way with usual events, and 100
/// bodies of 1 MiB beside them. The least is more than twice the largest body.
pub(crate) const SERVER_MEMORY: Bounded<usize> = bounded(256 * MIB, 128 * MIB, 1 << 40);
/// Far more than a chain of certificates has, and enough for a system's store of authorities.
pub(crate) const CERTIFICATE_FILE: usize = MIB;
/// From one connection to all.
pub(crate) const ADDRESS_CONNECTIONS: Bounded<usize> = bounded(0, 1, 1_000_000);
/// A signature is checked in some microseconds, so so many cost nothing; a guess needs more.
pub(crate) const ADDRESS_FAILURES: Rate = Rate {
    count: 100,
    per: Duration::from_secs(1),
};
/// Container platforms kill a process after 30 s.
pub(crate) const SHUTDOWN_TIMEOUT: Bounded<Duration> = millis(25 * SECOND, 0, 10 * MINUTE);

/// Relative to the manifest's folder, like every path in the manifest.
pub(crate) const LEDGER_URL: &str = "sqlite:data/tollgate.db";
/// As long as dedup keys: operators can look at each event that a provider may still resend. The
/// bounds are a second, for trials, and a century.
pub(crate) const RETENTION: Bounded<Duration> = millis(35 * DAY, SECOND, 36_500 * DAY);
/// A shorter retention gets a warning.
pub(crate) const RETENTION_WARNED: Duration = Duration::from_millis(7 * DAY);
/// Adyen resends for 30 days. Without the key, a resent event is recorded twice.
pub(crate) const DEDUP_MIN: Duration = Duration::from_millis(35 * DAY);
/// A century.
pub(crate) const DEDUP_MAX: Duration = Duration::from_millis(36_500 * DAY);
/// From zero to a century.
pub(crate) const ERASE_AFTER: (Duration, Duration) =
    (Duration::ZERO, Duration::from_millis(36_500 * DAY));
/// The folder of components.
pub(crate) const PLUGINS_DIR: &str = "plugins";
/// Twenty times what the toolchain with the largest components makes of a handler.
pub(crate) const PLUGINS_MAX_SIZE: Bounded<usize> = bounded(128 * MIB, 1 << 10, 1 << 30);
/// Four times what the largest component of the tested toolchains takes (Python, 350 MiB).
pub(crate) const COMPILE_MEMORY: Bounded<usize> = bounded(1536 * MIB, 16 * MIB, 1 << 40);
/// Ten times what that component takes.
pub(crate) const COMPILE_TIME: Bounded<Duration> = millis(2 * MINUTE, 1000, HOUR);
/// The memory of all guests: from one mebibyte to more than any machine has. The default depends on
/// the machine.
pub(crate) const PLUGINS_MEMORY: Bounded<usize> = bounded(0, MIB, 1 << 44);

/// Short enough for a person who waits, and long enough for a network file system.
pub(crate) const POLL_INTERVAL: Bounded<Duration> = millis(2 * SECOND, 50, HOUR);
/// Longer than the pauses of an editor or a copy, and shorter than a person notices.
pub(crate) const DEBOUNCE: Bounded<Duration> = millis(100, 1, MINUTE);

/// Enough for 64 requests a second if each takes a second.
pub(crate) const OUTBOX_CONCURRENCY: Bounded<usize> = bounded(64, 1, 1024);
/// Common HTTP APIs answer within this time.
pub(crate) const OUTBOX_TIMEOUT: Bounded<Duration> = millis(30 * SECOND, 100, 10 * MINUTE);
/// 1 s, 2 s, 4 s … 1 h: sixteen attempts survive an outage of four hours.
pub(crate) const OUTBOX_RETRY: RetryDefaults = RetryDefaults {
    attempts: 16,
    first: Duration::from_secs(1),
    factor: 2.0,
    max: Duration::from_millis(HOUR),
};

/// Runs of one handler at the same time.
pub(crate) const HANDLER_CONCURRENCY: Bounded<usize> = bounded(16, 1, 1024);
/// 5 s, 15 s, 45 s … 6 h: twelve attempts survive an outage of 22 hours.
pub(crate) const HANDLER_RETRY: RetryDefaults = RetryDefaults {
    attempts: 12,
    first: Duration::from_secs(5),
    factor: 3.0,
    max: Duration::from_millis(6 * HOUR),
};

/// Nine of ten: failures of some events do not open the breaker, failures of all events do.
pub(crate) const BREAKER_FAILURES: f64 = 0.9;
/// At least one of the runs.
pub(crate) const BREAKER_FAILURES_BOUNDS: (f64, f64) = (0.01, 1.0);
/// Enough runs to rule out a coincidence.
pub(crate) const BREAKER_OF: Bounded<usize> = bounded(20, 1, 10_000);
/// Failures with longer intervals do no harm.
pub(crate) const BREAKER_WITHIN: Bounded<Duration> = millis(MINUTE, 100, DAY);
/// Short enough after an outage, and long enough during an outage.
pub(crate) const BREAKER_OPEN: Bounded<Duration> = millis(30 * SECOND, 10, DAY);

/// A number of deliveries or requests: from one to more than any disk holds.
pub(crate) const BACKLOG_COUNT: Bounded<u64> = Bounded {
    default: 0,
    min: 1,
    max: 1_000_000_000_000,
};
/// Longer than the interval of the gauge, and shorter than the time in which providers resend.
pub(crate) const BACKLOG_AGE: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_millis(30 * DAY));

/// The number of a rate. More than a million limits nothing.
pub(crate) const RATE_COUNT: (u32, u32) = (1, 1_000_000);

/// A run takes milliseconds. A run of two seconds hangs.
pub(crate) const RUN_TIMEOUT: Bounded<Duration> = millis(2 * SECOND, 1, 10 * MINUTE);
/// From one WebAssembly page to the most that a 32-bit guest reasonably needs.
pub(crate) const RUN_MEMORY: Bounded<usize> = bounded(64 * MIB, 64 * KIB, 1024 * MIB);
/// A large Go or C# component has some ten thousand functions in its tables.
pub(crate) const RUN_TABLES: Bounded<usize> = bounded(100_000, 0, 10_000_000);
/// Room for a panic with its backtrace.
pub(crate) const RUN_OUTPUT: Bounded<usize> = bounded(16 * KIB, 0, MIB);
/// Some hundred lines of logs.
pub(crate) const RUN_LOGS: Bounded<usize> = bounded(64 * KIB, 0, 16 * MIB);
/// A run with more host calls is in a loop.
pub(crate) const RUN_CALLS: Bounded<u32> = Bounded {
    default: 10_000,
    min: 0,
    max: 100_000_000,
};
/// The ledger writes all effects of a run in one transaction, and other writes wait for it.
pub(crate) const RUN_EFFECTS: Bounded<usize> = bounded(MIB, 0, 64 * MIB);
/// The answer of an API, or its error message.
pub(crate) const RUN_RESPONSE: Bounded<usize> = bounded(64 * KIB, 0, 4 * MIB);
/// A run that asks more often should split its work over several events.
pub(crate) const RUN_REQUESTS: Bounded<u32> = Bounded {
    default: 16,
    min: 0,
    max: 256,
};

/// Stripe's API.
pub(crate) const RESOLVE_HOST: &str = "https://api.stripe.com";
/// Stripe's limit on reads in live mode.
pub(crate) const RESOLVE_RATE_LIVE: Rate = Rate {
    count: 100,
    per: Duration::from_secs(1),
};
/// Stripe's limit on reads in test mode.
pub(crate) const RESOLVE_RATE_TEST: Rate = Rate {
    count: 25,
    per: Duration::from_secs(1),
};
/// Stripe answers a read within a second, mostly.
pub(crate) const RESOLVE_TIMEOUT: Bounded<Duration> = millis(10 * SECOND, 100, MINUTE);
/// Stripe's largest objects have some hundred KB.
pub(crate) const RESOLVE_ANSWER: Bounded<usize> = bounded(MIB, KIB, 16 * MIB);

/// The clocks of providers differ by seconds. More than a day would be no check.
pub(crate) const TOLERANCE_MIN: Duration = Duration::from_secs(1);
/// See [`TOLERANCE_MIN`].
pub(crate) const TOLERANCE_MAX: Duration = Duration::from_millis(DAY);

/// The defaults of a retry policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryDefaults {
    pub(crate) attempts: u32,
    pub(crate) first: Duration,
    pub(crate) factor: f64,
    pub(crate) max: Duration,
}

/// After a thousand attempts nobody waits any more.
pub(crate) const RETRY_ATTEMPTS: (u32, u32) = (1, 1000);
/// The first delay: long enough not to spin, and at most a week.
pub(crate) const RETRY_FIRST: (Duration, Duration) =
    (Duration::from_millis(1), Duration::from_millis(7 * DAY));
/// The longest delay. After more than a month the event would be gone.
pub(crate) const RETRY_MAX: (Duration, Duration) =
    (Duration::from_millis(1), Duration::from_millis(30 * DAY));
/// The greatest age at an attempt. No outage lasts longer than 90 days.
pub(crate) const RETRY_TOTAL: (Duration, Duration) =
    (Duration::from_millis(1), Duration::from_millis(90 * DAY));
/// With a factor below 1 the delays would shrink.
pub(crate) const RETRY_FACTOR: (f64, f64) = (1.0, 100.0);
/// A fifth up or down spreads the attempts of deliveries that failed together.
pub(crate) const RETRY_JITTER: f64 = 0.2;
/// A share of the delay.
pub(crate) const RETRY_JITTER_BOUNDS: (f64, f64) = (0.0, 1.0);

/// The longest name of a source or a handler. Metrics and keys contain such names.
pub(crate) const NAME_LENGTH: usize = 64;
/// The longest file with a secret, in bytes: enough for a key or a certificate.
pub(crate) const SECRET_FILE_LENGTH: u64 = 64 << 10;

/// The Events API v2 of PagerDuty. Accounts in Europe have `events.eu.pagerduty.com`.
pub(crate) const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// A minute: a condition that comes and goes tells no news each time.
pub(crate) const ALERT_QUIET: Bounded<Duration> = millis(MINUTE, 0, DAY);
/// How long something lasts before it is an alert.
pub(crate) const ALERT_AFTER: Bounded<Duration> = millis(10 * MINUTE, SECOND, 90 * DAY);
/// Every dead letter is worth a look.
pub(crate) const ALERT_OVER: Bounded<u64> = Bounded {
    default: 0,
    min: 0,
    max: 1_000_000_000,
};
/// Dead letters are told once an hour at most.
pub(crate) const DEAD_LETTERS_WITHIN: Bounded<Duration> = millis(HOUR, SECOND, DAY);
/// Half of the requests of a source.
pub(crate) const REJECTIONS_SHARE: f64 = 0.5;
/// Ten minutes, so that a few strangers are no alert.
pub(crate) const REJECTIONS_WITHIN: Bounded<Duration> = millis(10 * MINUTE, SECOND, DAY);
/// Of fewer requests a share says little.
pub(crate) const REJECTIONS_AT_LEAST: Bounded<u64> = Bounded {
    default: 20,
    min: 1,
    max: 1_000_000_000,
};
/// A week, as the warnings about secrets.
pub(crate) const SECRET_EXPIRES_BEFORE: Bounded<Duration> = millis(7 * DAY, MINUTE, 365 * DAY);
/// Two weeks, as the warnings about certificates.
pub(crate) const CERTIFICATE_EXPIRES_BEFORE: Bounded<Duration> =
    millis(14 * DAY, MINUTE, 365 * DAY);
/// A tenth of the disk.
pub(crate) const DISK_FREE: f64 = 0.1;
/// A page of the dashboard shows fifty, and a day has room for nine thousand at one every ten
/// seconds. A row has about half a kilobyte.
pub(crate) const REJECTIONS: Bounded<u64> = Bounded {
    default: 10_000,
    min: 0,
    max: 1_000_000,
};
/// Long enough for a weekend and a holiday.
pub(crate) const REJECTION_RETENTION: Bounded<Duration> = millis(7 * DAY, MINUTE, 366 * DAY);
/// Enough to see what a sender sends; nobody has verified who it is.
pub(crate) const REJECTION_BODY: Bounded<usize> = bounded(0, 0, 4 * KIB);
