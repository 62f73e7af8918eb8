//! Files in the place of components that are not what they should be, and components that a reload
//! takes: a start must take them too.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::io::Errno;
use serde_json::{Value, json};
use wasm_encoder::{
    CodeSection, Function, FunctionSection, Module, ModuleSection, TypeSection, ValType,
};

use crate::harness::{
    DiskFault, Event, FailingDisk, Gateway, Handler, Launch, Manifest, Site, component, digest,
    eventually, variant, wasi_guest,
};

fn handles_an_event(site: &Site, gateway: &Gateway) {
    let event = Event::new("test.done", json!({ "do": "done" }));
    gateway.accepts(&event);
    gateway.settles();
    assert_eq!(site.ledger().delivery(&event.id, "guest"), "done");
}

#[test]
fn a_component_that_imports_wasi_serves_after_a_reload_and_after_each_start() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let wasi = wasi_guest();
    site.plug("conformance.wasm", &wasi);
    eventually("the component serves", || {
        gateway.serves("guest") == digest(&wasi)
    });
    handles_an_event(&site, &gateway);
    gateway.kill();
    let gateway = site.start();
    assert_eq!(gateway.status_at("/generation/error"), Value::Null);
    assert_eq!(gateway.serves("guest"), digest(&wasi));
    handles_an_event(&site, &gateway);
    gateway.stop();
    site.start().stop();
}

#[test]
fn what_check_has_compiled_is_not_compiled_at_the_start() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let compiles_at_start = || {
        let gateway = Launch::new(&site).alone().start();
        handles_an_event(&site, &gateway);
        gateway.stop().contains("compiling a component")
    };
    assert!(site.run("check", &[]).status.success());
    assert!(!compiles_at_start());
    for cache in ["user-cache", "data/cache"] {
        fs::remove_dir_all(site.path(cache)).unwrap();
    }
    assert!(compiles_at_start());
}

#[test]
fn a_component_that_imports_wasi_passes_its_fixtures_at_a_start() {
    let handler = Handler::new("guest").set("fixtures = \"fixtures/*.json\"");
    let site = Site::new(&Manifest::with_one(handler));
    fs::create_dir(site.path("fixtures")).unwrap();
    let fixture = json!({
        "event": { "kind": "test.done", "payload": {} },
        "expect": { "outcome": "done" },
    });
    fs::write(site.path("fixtures/done.json"), fixture.to_string()).unwrap();
    site.plug("conformance.wasm", &wasi_guest());
    let gateway = site.start();
    assert_eq!(gateway.status_at("/generation/error"), Value::Null);
    handles_an_event(&site, &gateway);
}

/// Puts something else in the place of the component, and expects a failed reload that stops
/// neither later reloads nor the end of the process.
fn does_not_stop_reloading(put: impl FnOnce(&std::path::Path), why: &str) {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let path = site.path("plugins/conformance.wasm");
    let beside = site.path("plugins/beside");
    put(&beside);
    fs::rename(&beside, &path).unwrap();
    eventually("the failure is told", || {
        let error = gateway.status_at("/generation/error");
        error.as_str().is_some_and(|error| error.contains(why))
    });
    handles_an_event(&site, &gateway);
    let next = variant(&component("conformance"), "next");
    site.plug("conformance.wasm", &next);
    eventually("the next component serves", || {
        gateway.serves("guest") == digest(&next)
    });
    handles_an_event(&site, &gateway);
    gateway.stop();
}

#[test]
fn a_pipe_in_the_place_of_a_component_does_not_stop_reloading() {
    let pipe = |path: &std::path::Path| mkfifoat(CWD, path, Mode::RWXU).unwrap();
    does_not_stop_reloading(pipe, "regular file");
}

#[test]
fn a_device_in_the_place_of_a_component_does_not_stop_reloading() {
    does_not_stop_reloading(|path| symlink("/dev/zero", path).unwrap(), "regular file");
}

#[test]
fn a_file_longer_than_its_limit_does_not_stop_reloading() {
    let long = |path: &std::path::Path| {
        // A file with a hole, which takes no space.
        fs::File::create(path).unwrap().set_len(1 << 40).unwrap();
    };
    does_not_stop_reloading(long, "longer than 134217728 bytes");
}

#[test]
fn the_gateway_ends_while_a_pipe_is_in_the_place_of_a_component() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let path = site.path("plugins/conformance.wasm");
    fs::remove_file(&path).unwrap();
    mkfifoat(CWD, &path, Mode::RWXU).unwrap();
    eventually("the failure is told", || {
        gateway.status_at("/generation/error").is_string()
    });
    gateway.stop();
    // The next start serves the last good generation.
    let gateway = site.start();
    assert!(gateway.status_at("/generation/error").is_string());
    handles_an_event(&site, &gateway);
}

#[test]
fn a_manifest_may_limit_the_size_of_components() {
    let manifest = Manifest::with_one(Handler::new("guest")).plugins("max_size = \"4KiB\"");
    let site = Site::new(&manifest);
    let check = site.run("check", &[]);
    let said = String::from_utf8_lossy(&check.stderr);
    assert_eq!(check.status.code(), Some(1), "{said}");
    assert!(said.contains("longer than 4096 bytes"), "{said}");
}

#[test]
fn a_text_in_the_place_of_a_component_is_one_mistake() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    site.plug("conformance.wasm", b"a text\nof several\nlines\n");
    let check = site.run("check", &[]);
    let said = String::from_utf8_lossy(&check.stderr);
    assert_eq!(check.status.code(), Some(1), "{said}");
    assert!(said.contains("1 mistake\n"), "{said}");
    assert!(said.contains("is not WebAssembly"), "{said}");
}

/// A large ordinary component: many functions that compute with their parameter.
fn large_component(functions: u32) -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let (mut declared, mut code) = (FunctionSection::new(), CodeSection::new());
    for number in 0..functions {
        declared.function(0);
        let mut body = Function::new([]);
        let mut sink = body.instructions();
        for step in 0..50 {
            let factor = i32::try_from(number * 50 + step).unwrap();
            sink.local_get(0).i32_const(factor).i32_mul().local_set(0);
        }
        sink.local_get(0).end();
        code.function(&body);
    }
    module.section(&types).section(&declared).section(&code);
    let mut component = wasm_encoder::Component::new();
    component.section(&ModuleSection(&module));
    component.finish()
}

/// Checks a site whose component is large, with these limits; returns what was said.
fn check_of_large(limits: &str) -> String {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")).plugins(limits));
    site.plug("conformance.wasm", &large_component(20_000));
    let check = site.run("check", &[]);
    assert_eq!(check.status.code(), Some(1));
    String::from_utf8_lossy(&check.stderr).into_owned()
}

#[test]
fn a_component_that_takes_too_much_memory_to_compile_is_a_mistake() {
    let said = check_of_large("compile_memory = \"64MiB\"");
    assert!(said.contains("more than 64 MiB to compile"), "{said}");
}

#[test]
fn a_component_that_takes_too_long_to_compile_is_a_mistake() {
    let said = check_of_large("compile_time = \"1s\"");
    assert!(said.contains("longer than 1s to compile"), "{said}");
}

#[test]
fn a_compilation_does_not_delay_the_end_of_the_gateway() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    site.plug("conformance.wasm", &large_component(100_000));
    eventually("a child compiles", || gateway.children() > 0);
    let begun = std::time::Instant::now();
    gateway.stop();
    println!("the end took {:?}", begun.elapsed());
}

#[test]
fn a_reload_whose_compiler_was_killed_is_tried_again() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let next = variant(&component("conformance"), "next");
    site.plug("conformance.wasm", &next);
    eventually("a compiler is killed", || gateway.kill_children() > 0);
    eventually("the failure is told", || {
        gateway.stderr().contains("ended without a result")
    });
    assert!(
        gateway.stderr().contains("tried again"),
        "{}",
        gateway.stderr()
    );
    // No file changes meanwhile.
    eventually("the component serves", || {
        gateway.serves("guest") == digest(&next)
    });
    assert_eq!(gateway.status_at("/generation/error"), Value::Null);
    handles_an_event(&site, &gateway);
    gateway.stop();
}

#[test]
fn a_reload_on_a_full_disk_serves_without_the_cache() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let disk = FailingDisk::new(&site);
    let gateway = disk.under(&site).start();
    handles_an_event(&site, &gateway);
    disk.fails(DiskFault {
        write: Some(Errno::NOSPC),
        sync: None,
    });
    let next = variant(&component("conformance"), "next");
    site.plug("conformance.wasm", &next);
    eventually("the component serves", || {
        gateway.serves("guest") == digest(&next)
    });
    let said = gateway.stderr();
    assert!(said.contains("compiled code could not be cached"), "{said}");
    assert!(
        said.contains("the last good generation could not be copied"),
        "{said}"
    );
    disk.fails(DiskFault::default());
    eventually("the ledger can be written", || {
        gateway
            .try_post(&Event::new("test.done", json!({ "do": "done" })))
            .is_some_and(|answer| answer.status == 200)
    });
    handles_an_event(&site, &gateway);
    gateway.stop();
    // A cache that cannot even be made is done without.
    fs::remove_dir_all(site.path("data/cache")).unwrap();
    fs::write(site.path("data/cache"), "no folder").unwrap();
    let gateway = site.start();
    assert!(gateway.stderr().contains("compiled code cannot be cached"));
    assert_eq!(gateway.serves("guest"), digest(&next));
    handles_an_event(&site, &gateway);
    gateway.stop();
}

#[test]
fn a_check_compiles_a_component_once() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let check = || {
        let checked = site.run("check", &[]);
        assert!(checked.status.success(), "{checked:?}");
    };
    check();
    let folder = site.path("user-cache/tollgate/compiled");
    let compiled = || {
        let entries = std::fs::read_dir(&folder).unwrap();
        let entries = entries.map(|entry| entry.unwrap());
        let code =
            entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "cwasm"));
        code.map(|entry| entry.metadata().unwrap().ino())
            .collect::<Vec<_>>()
    };
    let first = compiled();
    assert_eq!(first.len(), 1);
    check();
    assert_eq!(compiled(), first);
    // Code that others could have put there is neither used nor replaced.
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    check();
    assert_eq!(compiled(), first);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink("/nowhere", &folder).unwrap();
    check();
}
