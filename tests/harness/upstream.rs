//! A server behind a proxy, which keeps the bytes of each request.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The server's reaction to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Answers 200.
    Answer,
    /// Closes the connection without an answer.
    Close,
}

/// The server. Its threads end with their connections.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<RawRequest>>>,
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawRequest {
    /// The number of the connection, from 0.
    pub(crate) connection: usize,
    pub(crate) target: String,
    /// Lines such as `Host: x`, in lower case.
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl RawRequest {
    /// Returns whether a header has this name, in lower case.
    pub(crate) fn has(&self, name: &str) -> bool {
        let mut names = self.headers.iter().filter_map(|line| line.split_once(':'));
        names.any(|(found, _)| found == name)
    }
}

impl Upstream {
    pub(crate) fn start(reaction: Reaction) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<RawRequest>>>::default();
        let kept = requests.clone();
        std::thread::spawn(move || {
            let streams = listener.incoming().map_while(Result::ok);
            for (connection, stream) in streams.enumerate() {
                let kept = kept.clone();
                // A connection that breaks ends alone.
                std::thread::spawn(move || _ = serve(stream, connection, reaction, &kept));
            }
        });
        Self { address, requests }
    }

    /// Returns the requests so far.
    pub(crate) fn requests(&self) -> Vec<RawRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the last request.
    #[track_caller]
    pub(crate) fn last(&self) -> RawRequest {
        self.requests().pop().expect("a request")
    }
}

fn serve(
    stream: TcpStream,
    connection: usize,
    reaction: Reaction,
    kept: &Mutex<Vec<RawRequest>>,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let Some(request) = read(&mut reader)? else {
            return Ok(());
        };
        kept.lock().unwrap().push(RawRequest {
            connection,
            ..request
        });
        if reaction == Reaction::Close {
            return Ok(());
        }
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n")?;
    }
}

fn read(reader: &mut impl BufRead) -> io::Result<Option<RawRequest>> {
    let Some(first) = line(reader)? else {
        return Ok(None);
    };
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut request = RawRequest {
        target,
        ..RawRequest::default()
    };
    while let Some(header) = line(reader)?.filter(|header| !header.is_empty()) {
        request.headers.push(header.to_ascii_lowercase());
    }
    let value = |name: &str| {
        let mut lines = request.headers.iter();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    if value("transfer-encoding").is_some() {
        while let size @ 1.. = chunk_size(reader)? {
            take(reader, size, &mut request.body)?;
            line(reader)?;
        }
        while line(reader)?.is_some_and(|trailer| !trailer.is_empty()) {}
    } else {
        let length = value("content-length").map_or(0, |length| length.parse().unwrap());
        take(reader, length, &mut request.body)?;
    }
    Ok(Some(request))
}

fn chunk_size(reader: &mut impl BufRead) -> io::Result<u64> {
    let line = line(reader)?.unwrap_or_default();
    u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)
}

fn take(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    reader.take(length).read_to_end(body).map(|_| ())
}

/// Reads a line without its end.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&line);
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}
