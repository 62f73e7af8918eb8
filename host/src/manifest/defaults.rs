//! What a manifest means where it is silent, and the bounds of what it may say.

use std::time::Duration;

/// A setting's default and its least and greatest allowed values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounded<T> {
    pub(super) default: T,
    pub(super) min: T,
    pub(super) max: T,
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

/// All interfaces: providers post from outside.
pub(super) const LISTEN: &str = "0.0.0.0:8080";
/// Loopback, where the admin service needs no token.
pub(super) const ADMIN: &str = "127.0.0.1:8081";
/// 128 bits as hex have 32 characters; this leaves room for other alphabets.
pub(super) const MIN_ADMIN_TOKEN: usize = 16;
/// A few hundred times what providers send (2 KB is usual, Stripe's largest events have
/// some hundred KB). Bodies are held in memory, so a great many of them must fit.
pub(super) const BODY_LIMIT: Bounded<usize> = bounded(MIB, KIB, 64 * MIB);
/// Providers send their headers at once; ten seconds forgive several lost packets.
pub(super) const HEADER_TIMEOUT: Bounded<Duration> = millis(10 * SECOND, 100, 5 * MINUTE);
/// A full body of 1 MiB at 50 KiB a second. Most providers give up sooner.
pub(super) const BODY_TIMEOUT: Bounded<Duration> = millis(20 * SECOND, 100, 10 * MINUTE);
/// Well above what one provider opens. With bodies at their limit: 4 GiB.
pub(super) const CONNECTIONS: Bounded<usize> = bounded(4096, 1, 1_000_000);
/// Below the 30 s after which container platforms kill.
pub(super) const SHUTDOWN_TIMEOUT: Bounded<Duration> = millis(25 * SECOND, 0, 10 * MINUTE);

/// Relative to the manifest's folder, like every path in it.
pub(super) const LEDGER_URL: &str = "sqlite:data/tollgate.db";
/// As long as keys: what a provider may still resend can be looked at. From a second, for
/// trials, to a century.
pub(super) const RETENTION: Bounded<Duration> = millis(35 * DAY, SECOND, 36_500 * DAY);
/// Below this an operator hears of it.
pub(super) const RETENTION_WARNED: Duration = Duration::from_millis(7 * DAY);
/// What the operator hears.
pub(super) const RETENTION_SHORT: &str = "finished events are soon gone, dead ones too: what \
     nobody has looked at by then cannot be replayed";
/// Adyen resends for 30 days; a key that is gone sooner lets one in twice.
pub(super) const DEDUP_MIN: Duration = Duration::from_millis(35 * DAY);
/// A century.
pub(super) const DEDUP_MAX: Duration = Duration::from_millis(36_500 * DAY);
/// From at once to a century.
pub(super) const ERASE_AFTER: (Duration, Duration) =
    (Duration::ZERO, Duration::from_millis(36_500 * DAY));
/// Where components are looked up.
pub(super) const PLUGINS_DIR: &str = "plugins";
/// What guests may have together: from a mebibyte to what no machine has. The default depends
/// on the machine.
pub(super) const PLUGINS_MEMORY: Bounded<usize> = bounded(0, MIB, 1 << 44);

/// Soon enough for a person who waits, seldom enough for a network file system.
pub(super) const POLL_INTERVAL: Bounded<Duration> = millis(2 * SECOND, 50, HOUR);
/// Longer than an editor's or a copy's pauses, shorter than a person notices.
pub(super) const DEBOUNCE: Bounded<Duration> = millis(100, 1, MINUTE);

/// Enough to hide a second's latency at 64 requests a second.
pub(super) const OUTBOX_CONCURRENCY: Bounded<usize> = bounded(64, 1, 1024);
/// What common HTTP APIs allow themselves before they answer.
pub(super) const OUTBOX_TIMEOUT: Bounded<Duration> = millis(30 * SECOND, 100, 10 * MINUTE);
/// 1 s, 2 s, 4 s … 1 h: sixteen attempts reach over an outage of four hours.
pub(super) const OUTBOX_RETRY: RetryDefaults = RetryDefaults {
    attempts: 16,
    first: Duration::from_secs(1),
    factor: 2.0,
    max: Duration::from_millis(HOUR),
};

/// Runs of one handler at once.
pub(super) const HANDLER_CONCURRENCY: Bounded<usize> = bounded(16, 1, 1024);
/// 5 s, 15 s, 45 s … 6 h: twelve attempts reach over an outage of 22 hours.
pub(super) const HANDLER_RETRY: RetryDefaults = RetryDefaults {
    attempts: 12,
    first: Duration::from_secs(5),
    factor: 3.0,
    max: Duration::from_millis(6 * HOUR),
};

/// Nine of ten: what some events bring about does not open it, what all suffer from does.
pub(super) const BREAKER_FAILURES: f64 = 0.9;
/// At least one of the runs that are looked at.
pub(super) const BREAKER_FAILURES_BOUNDS: (f64, f64) = (0.01, 1.0);
/// Enough that they are no coincidence.
pub(super) const BREAKER_OF: Bounded<usize> = bounded(20, 1, 10_000);
/// Failures that are further apart harm nobody.
pub(super) const BREAKER_WITHIN: Bounded<Duration> = millis(MINUTE, 100, DAY);
/// Soon enough after an outage, seldom enough during one.
pub(super) const BREAKER_OPEN: Bounded<Duration> = millis(30 * SECOND, 10, DAY);

/// What may be too much: from one to what no disk holds.
pub(super) const BACKLOG_COUNT: Bounded<u64> = Bounded {
    default: 0,
    min: 1,
    max: 1_000_000_000_000,
};
/// What may be too long: longer than the gauge's interval, shorter than providers resend.
pub(super) const BACKLOG_AGE: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_millis(30 * DAY));

/// A rate's number: beyond a million it limits nothing.
pub(super) const RATE_COUNT: (u32, u32) = (1, 1_000_000);

/// A run takes milliseconds; two seconds is one that hangs.
pub(super) const RUN_TIMEOUT: Bounded<Duration> = millis(2 * SECOND, 1, 10 * MINUTE);
/// From one WebAssembly page to what a 32-bit guest could sensibly ask for.
pub(super) const RUN_MEMORY: Bounded<usize> = bounded(64 * MIB, 64 * KIB, 1024 * MIB);
/// A large Go or C# component has some ten thousand functions in its tables.
pub(super) const RUN_TABLES: Bounded<usize> = bounded(100_000, 0, 10_000_000);
/// Room for a panic with its backtrace.
pub(super) const RUN_OUTPUT: Bounded<usize> = bounded(16 * KIB, 0, MIB);
/// Some hundred lines.
pub(super) const RUN_LOGS: Bounded<usize> = bounded(64 * KIB, 0, 16 * MIB);
/// A run that asks the host more often than this is in a loop.
pub(super) const RUN_CALLS: Bounded<u32> = Bounded {
    default: 10_000,
    min: 0,
    max: 100_000_000,
};
/// Effects are written to the ledger in one transaction, which others wait for.
pub(super) const RUN_EFFECTS: Bounded<usize> = bounded(MIB, 0, 64 * MIB);
/// An API's answer, or what it has to say of a mistake.
pub(super) const RUN_RESPONSE: Bounded<usize> = bounded(64 * KIB, 0, 4 * MIB);

/// Providers' clocks differ by seconds; a day is no tolerance but its absence.
pub(super) const TOLERANCE_MIN: Duration = Duration::from_secs(1);
/// See [`TOLERANCE_MIN`].
pub(super) const TOLERANCE_MAX: Duration = Duration::from_millis(DAY);

/// A retry policy where the manifest says nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryDefaults {
    pub(super) attempts: u32,
    pub(super) first: Duration,
    pub(super) factor: f64,
    pub(super) max: Duration,
}

/// Beyond a thousand attempts nobody waits any more.
pub(super) const RETRY_ATTEMPTS: (u32, u32) = (1, 1000);
/// The first delay: long enough not to spin, a week at most.
pub(super) const RETRY_FIRST: (Duration, Duration) =
    (Duration::from_millis(1), Duration::from_millis(7 * DAY));
/// The longest delay; more than a month would outlive the event.
pub(super) const RETRY_MAX: (Duration, Duration) =
    (Duration::from_millis(1), Duration::from_millis(30 * DAY));
/// The greatest age at an attempt; more than a quarter would outlive every outage.
pub(super) const RETRY_TOTAL: (Duration, Duration) =
    (Duration::from_millis(1), Duration::from_millis(90 * DAY));
/// Below 1 the delays would shrink.
pub(super) const RETRY_FACTOR: (f64, f64) = (1.0, 100.0);
/// A fifth either way spreads deliveries that failed together.
pub(super) const RETRY_JITTER: f64 = 0.2;
/// A share.
pub(super) const RETRY_JITTER_BOUNDS: (f64, f64) = (0.0, 1.0);

/// How long the name of a source or a handler may be: it stands in metrics and keys.
pub(super) const NAME_LENGTH: usize = 64;
/// How long a file that holds a secret may be: a key or a certificate, not a disk.
pub(super) const SECRET_FILE_LENGTH: u64 = 64 << 10;
