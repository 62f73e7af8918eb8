//! The gateway's side: starts a child for one component, and waits for its answer.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};

use super::answer::{self, Answer};
use super::limits::CompileLimits;

/// The most bytes of standard error that a message quotes.
const MAX_COMPLAINT: u64 = 1 << 10;

/// How many times as long as its time of computing a child may take by the clock: it has a low
/// priority, and others may keep the processors busy.
const PATIENCE: u32 = 4;

/// What a child writes that has too little memory: for its data, for its input, for its threads.
const OUT_OF_MEMORY: [&str; 3] = [
    "memory allocation of",
    "out of memory",
    "ThreadPoolBuildError",
];

/// Why a child has not compiled a component.
#[derive(Debug, thiserror::Error)]
pub enum CompilerFailure {
    /// The child could not be started, or its pipes failed.
    #[error("the compiler cannot be started: {0}")]
    Start(io::Error),
    /// The child needed more time than it may take.
    #[error("takes longer than {0:?} to compile; the limit is `[plugins] compile_time`")]
    Time(Duration),
    /// The child needed more memory than it may take.
    #[error("takes more than {} MiB to compile; the limit is `[plugins] compile_memory`", .0 >> 20)]
    Memory(usize),
    /// The child ended otherwise.
    #[error("the compiler ended without a result ({status}){}", after_colon(.complaint))]
    Ended {
        /// How the child ended.
        status: ExitStatus,
        /// What the child wrote to standard error.
        complaint: String,
    },
    /// The gateway ends.
    #[error("nothing more is compiled, because the gateway ends")]
    Ending,
}

impl From<io::Error> for CompilerFailure {
    fn from(error: io::Error) -> Self {
        Self::Start(error)
    }
}

fn after_colon(complaint: &str) -> String {
    match complaint.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

/// The children under way.
#[derive(Default)]
pub(super) struct Children(Mutex<State>);

#[derive(Default)]
struct State {
    ending: bool,
    next: u64,
    running: HashMap<u64, Pid>,
}

/// A child that is entered in [`Children`]. Killed and awaited when dropped.
struct Entered<'c> {
    children: &'c Children,
    id: u64,
    child: Child,
}

impl Children {
    /// Kills the children under way, and starts no more.
    pub(super) fn end(&self) {
        let mut state = self.0.lock();
        state.ending = true;
        for pid in state.running.values() {
            // The child is not awaited before its entry is taken out, so the number is still its.
            kill(*pid);
        }
    }

    /// Starts a child, passes it the file, and returns its answer.
    pub(super) fn run(
        &self,
        program: &Path,
        arguments: &[OsString],
        (limits, functions): (&CompileLimits, Option<&Path>),
        file: &[u8],
    ) -> Result<Answer, CompilerFailure> {
        let command = command(program, arguments, limits, functions);
        let mut entered = self.start(command)?;
        let (stdin, stdout, stderr) = (
            entered.child.stdin.take(),
            entered.child.stdout.take(),
            entered.child.stderr.take(),
        );
        let (told, answers) = mpsc::channel();
        let (said, complaint) = thread::scope(|scope| {
            scope.spawn(move || pass(stdin, file));
            scope.spawn(move || {
                let answer = stdout.map_or(Ok(None), |mut stdout| answer::read(&mut stdout));
                // The receiver waits for as long as the child may take.
                let _ = told.send(answer);
            });
            let complaint = scope.spawn(move || {
                let mut bytes = Vec::new();
                if let Some(stderr) = stderr {
                    // What could be read is enough.
                    let _ = stderr.take(MAX_COMPLAINT).read_to_end(&mut bytes);
                }
                String::from_utf8_lossy(&bytes).into_owned()
            });
            let said = answers.recv_timeout(limits.time * PATIENCE);
            // Ends the threads too: their pipes break.
            if said.is_err() {
                kill(pid_of(&entered.child));
            }
            (said, complaint.join().unwrap_or_default())
        });
        let answer = match said {
            Ok(answer) => answer?,
            Err(RecvTimeoutError::Timeout) => return Err(CompilerFailure::Time(limits.time)),
            Err(RecvTimeoutError::Disconnected) => None,
        };
        let status = entered.wait()?;
        match answer {
            Some(answer) if status.success() => Ok(answer),
            _ if self.0.lock().ending => Err(CompilerFailure::Ending),
            _ => Err(failure(status, complaint, limits)),
        }
    }

    fn start(&self, mut command: Command) -> Result<Entered<'_>, CompilerFailure> {
        let mut state = self.0.lock();
        if state.ending {
            return Err(CompilerFailure::Ending);
        }
        let child = command.spawn()?;
        let id = state.next;
        state.next += 1;
        state.running.insert(id, pid_of(&child));
        Ok(Entered {
            children: self,
            id,
            child,
        })
    }
}

/// The command that starts a child.
fn command(
    program: &Path,
    arguments: &[OsString],
    limits: &CompileLimits,
    functions: Option<&Path>,
) -> Command {
    let mut command = Command::new(program);
    // The child's working folder is another one.
    let functions = functions.and_then(|path| std::path::absolute(path).ok());
    command
        .args(arguments)
        .args(limits.to_arguments())
        .args(functions)
        // The environment of the gateway holds secrets.
        .env_clear()
        // Each thread reserves address space, which counts as memory: a machine with many
        // processors must not need more of it.
        .env("RAYON_NUM_THREADS", "4")
        .env("MALLOC_ARENA_MAX", "2")
        .current_dir("/")
        // A group of its own: signals of a terminal do not reach it, and a kill reaches all.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn pid_of(child: &Child) -> Pid {
    let number = i32::try_from(child.id()).ok();
    number
        .and_then(Pid::from_raw)
        .expect("a child has a number")
}

/// Kills a child that has not been awaited, and every process that it has started.
fn kill(child: Pid) {
    // An error means that none of them is left.
    let _ = kill_process_group(child, Signal::KILL);
}

/// Writes the file to the child. A child that ended does not read on.
fn pass(stdin: Option<ChildStdin>, file: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(file);
    }
}

/// Why a child ended without an answer.
fn failure(status: ExitStatus, complaint: String, limits: &CompileLimits) -> CompilerFailure {
    let signal = status.signal();
    if signal == Some(libc::SIGXCPU) {
        CompilerFailure::Time(limits.time)
    } else if OUT_OF_MEMORY.iter().any(|text| complaint.contains(text)) {
        CompilerFailure::Memory(limits.memory)
    } else {
        CompilerFailure::Ended { status, complaint }
    }
}

impl Entered<'_> {
    fn leave(&self) {
        self.children.0.lock().running.remove(&self.id);
    }

    /// Waits for the child, which has closed its output.
    fn wait(&mut self) -> io::Result<ExitStatus> {
        self.leave();
        self.child.wait()
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.leave();
        kill(pid_of(&self.child));
        // The child has been killed, so this does not block for long.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn run(
        children: &Children,
        program: &str,
        arguments: &[&str],
        limits: &CompileLimits,
    ) -> Result<Answer, CompilerFailure> {
        let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        children.run(Path::new(program), &arguments, (limits, None), b"file")
    }

    const SHORT: CompileLimits = CompileLimits {
        memory: 1 << 30,
        time: Duration::from_millis(300),
    };

    /// A shell that runs this script with the limits as further arguments.
    fn shell(children: &Children, script: &str) -> Result<Answer, CompilerFailure> {
        run(
            children,
            "/bin/sh",
            &["-c", script],
            &CompileLimits::default(),
        )
    }

    #[test]
    fn the_answer_of_the_child_is_returned() {
        let children = Children::default();
        let code = shell(&children, "printf c; cat").unwrap();
        assert_eq!(code.unwrap().code, b"file");
        let refused = shell(&children, "cat > /dev/null; printf 'rno, %s' $0").unwrap();
        assert_eq!(refused.unwrap_err().to_string(), "no, 1610612736");
    }

    #[test]
    fn a_child_that_fails_is_an_error_with_its_words() {
        let children = Children::default();
        let said = |script: &str| shell(&children, script).unwrap_err().to_string();
        let text = said("echo broken >&2; exit 3");
        assert!(
            text.contains("exit status: 3") && text.contains(": broken"),
            "{text}"
        );
        // An answer does not count if the child fails afterwards.
        let text = said("printf cCODE; kill -SEGV $$");
        assert!(text.contains("signal: 11"), "{text}");
        let text = said("kill -XCPU $$");
        assert!(text.contains("takes longer than 120s"), "{text}");
        let text = said("echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$");
        assert!(text.contains("takes more than 1536 MiB"), "{text}");
        let text = said("exit 0");
        assert!(text.contains("exit status: 0"), "{text}");
        let missing = run(&children, "/no/such", &[], &SHORT).unwrap_err();
        assert!(matches!(missing, CompilerFailure::Start(_)));
    }

    #[test]
    fn a_child_that_does_not_end_is_killed() {
        let children = Children::default();
        for script in [
            "sleep 1000",
            "cat; printf c; exec sleep 1000",
            "while :; do :; done",
        ] {
            let result = run(&children, "/bin/sh", &["-c", script], &SHORT);
            let failure = result.unwrap_err();
            assert!(
                matches!(failure, CompilerFailure::Time(_)),
                "{script}: {failure}"
            );
        }
        assert!(children.0.lock().running.is_empty());
    }

    #[test]
    fn the_end_of_the_gateway_ends_the_children() {
        let children = Arc::new(Children::default());
        let of_thread = children.clone();
        let waiting = thread::spawn(move || shell(&of_thread, "exec sleep 1000"));
        while children.0.lock().running.is_empty() {
            thread::yield_now();
        }
        children.end();
        let ended = waiting.join().unwrap().unwrap_err();
        assert!(matches!(ended, CompilerFailure::Ending), "{ended}");
        let later = shell(&children, "printf c").unwrap_err();
        assert!(matches!(later, CompilerFailure::Ending), "{later}");
    }

    #[test]
    fn the_child_sees_no_environment() {
        let children = Children::default();
        let seen = shell(
            &children,
            "cat > /dev/null; printf c; cat /proc/self/environ",
        );
        let seen = seen.unwrap().unwrap().code;
        assert!(!String::from_utf8_lossy(&seen).contains("CARGO"));
    }
}
