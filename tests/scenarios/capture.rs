//! Requests as they come to a source, into files: `tollgate capture`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{
    Event, Gateway, Handler, Manifest, PATH, SECRET, Site, component, connect, now, post, request,
    sign,
};

/// A source whose provider sends the secret itself.
const FLUTTERWAVE: &str = r#"
[sources.flutterwave]
path = "/webhooks/flutterwave"
scheme = "flutterwave-v3"
secrets = ["a_hash_of_the_account"]
"#;

fn site() -> Site {
    let manifest = Manifest::with_one(Handler::new("guest")).section(FLUTTERWAVE);
    Site::new(&manifest.route_of("flutterwave", "*", &["guest"], ""))
}

/// A capture that runs.
struct Capturing {
    child: Child,
    stderr: BufReader<ChildStderr>,
    folder: PathBuf,
}

impl Capturing {
    /// Starts the command and waits until the gateway captures.
    fn start(site: &Site, gateway: &Gateway, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["capture", "--url", &format!("http://{}", gateway.admin)])
            .args(arguments)
            .current_dir(site.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains("capturing into captures"), "{line}");
        Self {
            child,
            stderr,
            folder: site.path("captures"),
        }
    }

    /// Waits for the end. Returns what was said, and the files with their names in order.
    fn end(mut self) -> (String, Vec<(PathBuf, Value)>) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?} {said}");
        let files = fs::read_dir(&self.folder).unwrap();
        let mut files: Vec<_> = files
            .map(|entry| {
                let path = entry.unwrap().path();
                let text = fs::read(&path).unwrap();
                (path, serde_json::from_slice(&text).unwrap())
            })
            .collect();
        files.sort_by_key(|(path, _)| path.clone());
        (said, files)
    }
}

/// The capture whose request got this status.
fn with_status(files: &[(PathBuf, Value)], status: u16) -> &(PathBuf, Value) {
    let mut found = files
        .iter()
        .filter(|(_, capture)| capture["answer"]["status"] == status);
    found.next().unwrap_or_else(|| panic!("{files:#?}"))
}

/// Runs a command on a capture: exit code, stdout and stderr.
fn run(site: &Site, subcommand: &str, arguments: &[&str]) -> (i32, String, String) {
    let output = site.run(subcommand, arguments);
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn requests_are_captured_as_they_came_refused_ones_too() {
    let site = site();
    let gateway = site.start();
    let capturing = Capturing::start(&site, &gateway, &["--limit", "3"]);
    let event = Event::new("test.fine", json!({ "do": "done" }));
    let id = gateway.accepts(&event);
    let wrong = sign("whsec_another", now(), &event.body);
    assert_eq!(gateway.post_signed(&wrong, &event.body).status, 400);
    let unknown = post(gateway.ingress, "/nowhere?a=b", &[("x-one", "1")], b"{}");
    assert_eq!(unknown.unwrap().status, 404);
    let (said, files) = capturing.end();
    assert!(said.contains("3 requests"), "{said}");
    assert_eq!(files.len(), 3, "{files:#?}");
    for (path, _) in &files {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path:?}");
    }

    let (fine, capture) = with_status(&files, 200);
    let body = capture["request"]["body"].as_str().unwrap();
    assert_eq!(body.as_bytes(), event.body);
    assert_eq!(capture["request"]["target"], PATH);
    assert_eq!(capture["event"]["provider_id"], event.id.as_str());
    assert_eq!(
        capture["answer"]["recorded"],
        json!([{ "id": id, "duplicate": false }])
    );
    let (refused, capture) = with_status(&files, 400);
    assert_eq!(capture["answer"]["code"], "signature_mismatch");
    assert_eq!(capture["request"]["body"], body);
    assert!(capture["event"].is_null());
    let (_, capture) = with_status(&files, 404);
    assert_eq!(capture["request"]["source"], Value::Null);
    assert_eq!(capture["request"]["target"], "/nowhere?a=b");
    let headers = capture["request"]["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["x-one", "1"])), "{headers:?}");

    let verify = |path: &PathBuf| run(&site, "verify", &["--capture", path.to_str().unwrap()]);
    let (code, told, _) = verify(fine);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains(&event.id), "{told}");
    let (code, told, _) = verify(refused);
    assert_eq!(code, 1, "{told}");
    assert!(told.starts_with("refused: "), "{told}");
}

#[test]
fn a_capture_is_a_fixture_and_can_be_posted_again() {
    let site = site();
    let gateway = site.start();
    let capturing = Capturing::start(&site, &gateway, &["--limit", "1", "--source", "stripe"]);
    let unknown = post(gateway.ingress, "/nowhere", &[], b"{}");
    assert_eq!(unknown.unwrap().status, 404);
    let event = Event::new("test.fine", json!({ "do": "done" }));
    gateway.accepts(&event);
    let (_, files) = capturing.end();
    let [(path, _)] = files.as_slice() else {
        panic!("{files:#?}");
    };
    let path = path.to_str().unwrap();

    fs::write(site.path("guest.wasm"), component("conformance")).unwrap();
    let arguments = ["plugin", "test", "guest.wasm", "--fixtures", path];
    let test = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(arguments)
            .args(more)
            .current_dir(site.path(""))
            .env("XDG_CACHE_HOME", site.path("user-cache"))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), told)
    };
    let (code, told) = test(&[]);
    assert_eq!(code, Some(1), "it expects nothing yet: {told}");
    let (code, told) = test(&["--update"]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = test(&[]);
    assert_eq!(code, Some(0), "{told}");

    let to = format!("http://{}", gateway.ingress);
    let trigger = |more: &[&str]| {
        let arguments = [&["--to", &to, "--capture", path], more].concat();
        run(&site, "trigger", &arguments)
    };
    for more in [&[][..], &["--unchanged"]] {
        let (code, told, stderr) = trigger(more);
        assert_eq!(code, 0, "{more:?}: {told} {stderr}");
        assert!(told.contains(&event.id), "{told}");
    }
    let duplicates = gateway.status_at("/ledger/duplicates");
    assert_eq!(duplicates, 2, "each came again");
}

#[test]
fn a_redacted_capture_names_nobody_and_says_that_its_signature_cannot_hold() {
    let site = site();
    let gateway = site.start();
    let capturing = Capturing::start(&site, &gateway, &["--limit", "1", "--redact"]);
    let person = json!({ "object": "test", "email": "ada@example.com", "steps": [] });
    let event = Event::about("evt_of_ada", "test.person", person);
    let signature = sign(SECRET, now(), &event.body);
    assert_eq!(gateway.post_signed(&signature, &event.body).status, 200);
    let (_, files) = capturing.end();
    let (path, capture) = &files[0];
    let text = capture.to_string();
    assert!(!text.contains("ada@example.com"), "{text}");
    assert!(!text.contains(&signature), "{text}");
    assert_eq!(capture["event"]["kind"], "test.person");
    let body = capture["request"]["body"].as_str().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["data"]["object"]["email"], "redacted");
    let path = path.to_str().unwrap();
    let (code, _, stderr) = run(&site, "verify", &["--capture", path]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("the signature cannot hold"), "{stderr}");
    let to = format!("http://{}", gateway.ingress);
    let arguments = ["--to", &to, "--capture", path];
    let (code, _, stderr) = run(
        &site,
        "trigger",
        &[&arguments[..], &["--unchanged"]].concat(),
    );
    assert_eq!(code, 2, "{stderr}");
    let (code, told, stderr) = run(&site, "trigger", &arguments);
    assert_eq!(code, 0, "signed anew: {told} {stderr}");
}

#[test]
fn a_secret_that_a_request_carries_is_in_no_capture() {
    let site = site();
    let gateway = site.start();
    let capturing = Capturing::start(&site, &gateway, &["--limit", "2"]);
    let body = json!({ "event": "charge.completed", "data": { "id": 1, "status": "successful" } });
    let body = body.to_string();
    let send = |hash: &str| {
        let path = "/webhooks/flutterwave";
        let answer = post(
            gateway.ingress,
            path,
            &[("verif-hash", hash)],
            body.as_bytes(),
        );
        answer.unwrap().status
    };
    assert_eq!(send("a_hash_of_the_account"), 200);
    // A mark that a sender writes stands for nothing.
    assert_eq!(send("{{secret-0:1}}"), 400);
    let (_, files) = capturing.end();
    for (path, capture) in &files {
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains("a_hash_of_the_account"), "{text}");
        let status = capture["answer"]["status"].as_u64().unwrap();
        let (code, told, stderr) = run(&site, "verify", &["--capture", path.to_str().unwrap()]);
        let accepted = status == 200;
        assert_eq!(code == 0, accepted, "{status}: {told} {stderr}");
    }
}

#[test]
fn a_client_that_does_not_read_keeps_no_sender_waiting() {
    const EVENTS: usize = 150;
    let site = site();
    let gateway = site.start();
    let body = json!({ "limit": 10_000, "seconds": 20 }).to_string();
    let asked = request(
        "POST",
        "/api/capture",
        &[("content-type", "application/json")],
        body.as_bytes(),
    );
    let mut slow = connect(gateway.admin).unwrap();
    std::io::Write::write_all(&mut slow, &asked).unwrap();
    let mut slow = BufReader::new(slow);
    let mut line = String::new();
    slow.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    for number in 0..EVENTS {
        let object = json!({ "object": "test", "steps": [], "ballast": "b".repeat(300_000) });
        gateway.accepts(&Event::about(
            &format!("evt_{number}"),
            "test.large",
            object,
        ));
    }
    let end = slow.lines().find_map(|line| {
        let line = line.unwrap();
        let end = line.starts_with("{\"end\"").then_some(line)?;
        serde_json::from_str::<Value>(&end).ok()
    });
    let end = end.expect("the capture ends")["end"].clone();
    let [captured, dropped] = ["captured", "dropped"].map(|name| end[name].as_u64().unwrap());
    assert!(dropped > 0, "{end}");
    assert!(captured > 0 && captured + dropped <= EVENTS as u64, "{end}");
    gateway.stop();
}

#[test]
fn captures_are_few_and_need_the_role_operate() {
    const READ: &str = "read_read_read_read_read_read";
    let tokens =
        format!("admin_tokens = [{{ name = \"wall\", token = \"{READ}\", role = \"read\" }}]");
    let site = Site::new(&Manifest::with_one(Handler::new("guest")).server(&tokens));
    let gateway = site.start();
    let url = format!("http://{}", gateway.admin);
    let output = site.run("capture", &["--url", &url, "--token", READ]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("changes nothing"), "{stderr}");
    gateway.stop();

    let site = self::site();
    let gateway = site.start();
    let all: Vec<_> = (0..4)
        .map(|_| Capturing::start(&site, &gateway, &["--limit", "1"]))
        .collect();
    let url = format!("http://{}", gateway.admin);
    let refused = |arguments: &[&str]| {
        let output = site.run("capture", &[&["--url", &url], arguments].concat());
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, stderr) = refused(&[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("4 captures run already"), "{stderr}");
    gateway.accepts(&Event::new("test.fine", json!({ "do": "done" })));
    for capturing in all {
        capturing.end();
    }
    let (_, stderr) = refused(&["--source", "strip"]);
    assert!(stderr.contains("there is no source `strip`"), "{stderr}");
}
