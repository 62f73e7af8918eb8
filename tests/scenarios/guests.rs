//! Shapes of components that other toolchains than Rust's make. Each guest leaves marks wherever it
//! can, and traps if it finds one: every event must have a fresh instance.

use serde_json::json;
use wasm_encoder::{InstanceSection, ModuleArg};
use wit_component::ComponentEncoder;

use crate::harness::{Event, Handler, Manifest, Site, embedded};

/// The functions that every handler of these tests has: `cabi_realloc`, and `handle`, which answers
/// `done`. `check` is the body of a function without results.
fn handler(parts: &str, check: &str) -> String {
    format!(
        "(module
           (memory (export \"memory\") 2)
           {parts}
           (global $top (mut i32) (i32.const 8192))
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
             (local $at i32)
             (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
             (global.set $top (i32.add (local.get $at) (local.get 3)))
             (local.get $at))
           (func $check {check})
           (func (export \"handle\") (param i32) (result i32)
             (call $check)
             (i32.const 1024)))"
    )
}

/// Traps unless the expression is true.
fn must(expression: &str) -> String {
    format!("(if (i32.eqz {expression}) (then (unreachable)))")
}

fn start_function() -> String {
    let parts = "(global $started (mut i32) (i32.const 0))
         (func $begin
           (i32.store (i32.const 4096) (i32.add (i32.load (i32.const 4096)) (i32.const 42)))
           (global.set $started (i32.add (global.get $started) (i32.const 1))))
         (start $begin)";
    let once = must("(i32.eq (i32.load (i32.const 4096)) (i32.const 42))");
    let fresh = must("(i32.eq (global.get $started) (i32.const 1))");
    let mark = "(i32.store (i32.const 4096) (i32.const 1)) (global.set $started (i32.const 9))";
    handler(parts, &format!("{once} {fresh} {mark}"))
}

fn several_memories() -> String {
    let parts = "(memory $second 3) (memory $third 1 4)
         (data (memory $third) (i32.const 100) \"third\")";
    let empty = must("(i32.eqz (i32.load $second (i32.const 131072)))");
    let data = must("(i32.eq (i32.load8_u $third (i32.const 100)) (i32.const 116))");
    let size = must("(i32.eq (memory.size $third) (i32.const 1))");
    let mark = "(i32.store $second (i32.const 131072) (i32.const 7))
         (memory.copy $third $second (i32.const 100) (i32.const 131072) (i32.const 4))
         (drop (memory.grow $third (i32.const 2)))";
    handler(parts, &format!("{empty} {data} {size} {mark}"))
}

fn tail_calls() -> String {
    let parts = "(type $step (func (param i32 i32) (result i32)))
         (table $steps 1 funcref) (elem (i32.const 0) $through)
         (func $count (type $step)
           (if (result i32) (i32.eqz (local.get 0))
             (then (local.get 1))
             (else (return_call $through
               (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 1))))))
         (func $through (type $step)
           (if (result i32) (i32.eqz (local.get 0))
             (then (local.get 1))
             (else (return_call $count
               (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 1))))))";
    // Deeper than any stack.
    let deep = must(
        "(i32.eq (call_indirect (type $step) (i32.const 1000000) (i32.const 0) (i32.const 0))
           (i32.const 1000000))",
    );
    handler(parts, &deep)
}

/// Five megabytes of data, of which the guest overwrites both ends.
fn much_data() -> String {
    let data = "d".repeat(5 << 20);
    let parts = format!("(data (i32.const 65536) \"{data}\")");
    let last = 65536 + (5 << 20) - 1;
    let whole = |at: usize| {
        must(&format!(
            "(i32.eq (i32.load8_u (i32.const {at})) (i32.const 100))"
        ))
    };
    let mark = |at: usize| format!("(i32.store8 (i32.const {at}) (i32.const 0))");
    let check = [whole(65536), whole(last), mark(65536), mark(last)].concat();
    // Room for the data, and none that the small handlers have.
    handler(&parts, &check).replace(
        "(memory (export \"memory\") 2)",
        "(memory (export \"memory\") 100)",
    )
}

fn tables() -> String {
    let parts = "(type $answer (func (result i32)))
         (table $first 6000 funcref) (table $second 10 funcref)
         (elem (table $first) (i32.const 5999) func $seven)
         (elem declare func $eight)
         (func $seven (type $answer) (i32.const 7))
         (func $eight (type $answer) (i32.const 8))";
    let first =
        must("(i32.eq (call_indirect $first (type $answer) (i32.const 5999)) (i32.const 7))");
    let second = must("(ref.is_null (table.get $second (i32.const 3)))");
    let mark = "(table.set $first (i32.const 5999) (ref.func $eight))
         (table.set $second (i32.const 3) (ref.func $eight))";
    handler(parts, &format!("{first} {second} {mark}"))
}

fn vectors_and_bulk() -> String {
    let parts = "(data $passive \"once\")
         (func $sum (result i32) (i32x4.extract_lane 3
           (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 10 20 30 40))))
         (func $pair (result i32 i64) (i32.const 3) (i64.const 4))";
    let sum = must("(i32.eq (call $sum) (i32.const 44))");
    let pair = must("(i64.eq (i64.add (call $extended)) (i64.const 7))");
    let parts = format!(
        "{parts} (func $extended (result i64 i64) (local i64)
           (local.set 0 (call $pair)) (i64.extend_i32_s) (local.get 0))"
    );
    // A passive segment that was dropped in one instance is there in the next.
    let bulk = "(memory.init $passive (i32.const 4096) (i32.const 0) (i32.const 4))
         (data.drop $passive)
         (memory.fill (i32.const 4100) (i32.const 1) (i32.const 100))";
    let check = must("(i32.eqz (i32.load (i32.const 4100)))");
    handler(&parts, &format!("{check} {sum} {pair} {bulk}"))
}

/// A component with so many core instances beside the handler's.
fn core_instances(many: u32) -> Vec<u8> {
    let module = embedded(&handler("", ""));
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    let mut component = encoder.encode().unwrap();
    // The number of a module that is added is the number of those that are there.
    let parsed = wasmparser::Parser::new(0).parse_all(&component);
    let depth_and_count = parsed.fold((0, 0), |(depth, count), payload| {
        use wasmparser::Payload::{ComponentSection, End, ModuleSection};
        match payload.unwrap() {
            ModuleSection { .. } if depth == 0 => (depth + 1, count + 1),
            ModuleSection { .. } | ComponentSection { .. } => (depth + 1, count),
            End(_) if depth > 0 => (depth - 1, count),
            _ => (depth, count),
        }
    });
    let mut added = wasm_encoder::Component::new();
    let extra = wat::parse_str("(module (memory 1) (func (export \"f\")))").unwrap();
    added.section(&wasm_encoder::RawSection {
        id: 1,
        data: &extra,
    });
    let mut instances = InstanceSection::new();
    let none: [(&str, ModuleArg); 0] = [];
    (0..many).for_each(|_| {
        instances.instantiate(depth_and_count.1, none);
    });
    added.section(&instances);
    // Without the head of a component.
    component.extend_from_slice(&added.finish()[8..]);
    component
}

#[test]
fn guests_of_every_shape_get_a_fresh_instance_for_each_event() {
    let texts = [
        ("start", start_function()),
        ("memories", several_memories()),
        ("tail-calls", tail_calls()),
        ("data", much_data()),
        ("tables", tables()),
        ("vectors", vectors_and_bulk()),
    ];
    let mut guests: Vec<_> = texts
        .iter()
        .map(|(name, text)| (*name, embedded(text)))
        .collect();
    guests.push(("instances", core_instances(6)));
    let mut manifest = Manifest::new();
    let names: Vec<&str> = guests.iter().map(|(name, _)| *name).collect();
    for name in &names {
        manifest = manifest.handler(Handler::new(name).component(&format!("{name}.wasm")));
    }
    let site = Site::new(&manifest.route("*", &names));
    for (name, bytes) in &guests {
        site.plug(&format!("{name}.wasm"), bytes);
    }
    let gateway = site.start();
    for n in 0..20 {
        gateway.accepts(&Event::with_id(&format!("evt_{n}"), "any", json!([])));
    }
    gateway.settles();
    let ledger = site.ledger();
    for n in 0..20 {
        for name in &names {
            let attempts = ledger.attempts(&format!("evt_{n}"), name);
            let told: Vec<_> = attempts
                .iter()
                .map(|attempt| (attempt.outcome.as_str(), attempt.detail.as_str()))
                .collect();
            assert_eq!(told, [("done", "")], "{name}, event {n}");
        }
    }
}

/// The result of `check` on a component.
fn check(component: &[u8]) -> (bool, String) {
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").component("g.wasm"),
    ));
    site.plug("g.wasm", component);
    let checked = site.run("check", &[]);
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    (checked.status.success(), told)
}

#[test]
fn a_component_of_very_many_instances_is_a_mistake_and_no_crash() {
    let (fine, told) = check(&core_instances(500));
    assert!(!fine && told.contains("instance"), "{told}");
}

#[test]
fn what_the_gateway_does_not_run_is_a_mistake_that_says_so() {
    for (text, named) in [
        (
            handler("", "(throw $t)").replace("(func $check", "(tag $t) (func $check"),
            "exceptions",
        ),
        (
            handler(
                "(type $s (struct (field i32)))",
                "(drop (struct.new $s (i32.const 1)))",
            ),
            "gc",
        ),
    ] {
        let (fine, told) = check(&embedded(&text));
        let told = told.to_lowercase();
        assert!(!fine && told.contains(named), "{named}: {told}");
    }
}
