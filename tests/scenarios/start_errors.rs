//! Errors of a start, as they are printed.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::harness::{Handler, Launch, Manifest, Site};

/// A site whose start must fail, and a text that the printed error must have.
type Broken = fn() -> (Site, String);

fn site() -> Site {
    Site::new(&Manifest::with_one(Handler::new("guest")))
}

#[test]
fn no_part_of_a_printed_start_error_is_repeated() {
    let cases: [(&str, Broken); 6] = [
        ("a data folder that cannot be written", || {
            let site = site();
            // A file in the place of the folder stops root too.
            fs::write(site.path("data"), "").unwrap();
            (site, "cannot open".to_owned())
        }),
        ("a port in use", || {
            let taken = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = taken.local_addr().unwrap();
            let site = site();
            let text = Manifest::with_one(Handler::new("guest")).text();
            let text = text.replacen("127.0.0.1:0", &address.to_string(), 1);
            site.write_manifest(&text);
            // The listener lives as long as the test process.
            std::mem::forget(taken);
            (site, format!("cannot listen on {address}"))
        }),
        ("no manifest", || {
            let site = site();
            fs::remove_file(site.manifest_path()).unwrap();
            (site, "tollgate.toml".to_owned())
        }),
        ("a broken manifest", || {
            let site = site();
            site.write_manifest("version = 1\n[sources.x]\npath = 3\n");
            (site, "path".to_owned())
        }),
        ("no component", || {
            let site = site();
            fs::remove_file(site.path("plugins/conformance.wasm")).unwrap();
            (site, "conformance.wasm".to_owned())
        }),
        ("a component that is none", || {
            let site = site();
            site.plug("conformance.wasm", b"\0asm broken");
            (site, "conformance.wasm".to_owned())
        }),
    ];
    for (case, broken) in cases {
        let (site, told) = broken();
        let Err((status, stderr)) = Launch::new(&site).try_start() else {
            panic!("{case}: the gateway started");
        };
        assert_eq!(status.code(), Some(1), "{case}: {stderr}");
        let printed = stderr.split_once("tollgate: ").expect("an error").1;
        assert!(printed.contains(&told), "{case}: {printed}");
        for line in printed.lines() {
            let parts: Vec<_> = line.split(": ").filter(|part| part.len() > 3).collect();
            for (index, part) in parts.iter().enumerate() {
                assert!(!parts[..index].contains(part), "{case}: {line}");
            }
        }
    }
}

#[test]
fn a_pipe_or_a_device_in_the_data_folder_is_told_and_never_read() {
    let of_start = ["", "-wal", "-shm", ".lock", ".running", ".progress"]
        .map(|ending| format!("tollgate.db{ending}"));
    let of_generation = ["last-good/trials.json", "last-good/generation.json"].map(str::to_owned);
    for name in of_start.into_iter().chain(of_generation) {
        for device in [false, true] {
            let site = site();
            fs::create_dir_all(site.path("data/last-good")).unwrap();
            let path = site.path("data").join(&name);
            match device {
                true => symlink("/dev/zero", &path).unwrap(),
                false => mkfifoat(CWD, &path, Mode::RWXU).unwrap(),
            }
            let said = match Launch::new(&site).try_start() {
                Ok(gateway) => gateway.stop(),
                Err((_, stderr)) => stderr,
            };
            let told = said.contains("does not lead to a regular file");
            assert!(told, "{name}, a device: {device}: {said}");
        }
    }
}

#[test]
fn a_pipe_in_the_place_of_a_backup_is_told_and_never_read() {
    let site = site();
    site.start().stop();
    let pipe = site.path("pipe");
    mkfifoat(CWD, &pipe, Mode::RWXU).unwrap();
    for command in ["ledger verify", "ledger restore"] {
        let output = site.run(command, &[pipe.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{command}");
        assert!(
            said.contains("does not lead to a regular file"),
            "{command}: {said}"
        );
    }
}
