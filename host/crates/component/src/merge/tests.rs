//! Components in text: what is merged, and what stays as it is.

use wasmparser::{Operator, Parser, Payload};

use super::{MergeError, merge_modules};
use crate::Facts;

fn merged(component: &str) -> Option<Vec<u8>> {
    merge_modules(&wat::parse_str(component).unwrap()).unwrap()
}

fn modules(component: &[u8]) -> usize {
    Facts::read(component).unwrap().modules
}

/// The operators of all functions, without those that end a body.
fn operators(component: &[u8]) -> Vec<Operator<'_>> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            let operators = body.get_operators_reader().unwrap().into_iter();
            found.extend(operators.map(Result::unwrap));
        }
    }
    found.retain(|operator| !matches!(operator, Operator::End));
    found
}

/// A library with a memory, a table and addresses, one that imports all of it, and an export.
const LIBRARIES: &str = r#"
    (core module $base
        (memory (export "memory") 1)
        (table (export "table") 8 funcref)
        (global (export "place") i32 (i32.const 3))
        (global (export "moved") (mut i32) (i32.const 5))
        (global $never (export "never") (mut i32) (i32.const 7))
        (func (export "forgotten") (global.set $never (i32.const 1)))
        (func $add (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1))))
    (core module $user
        (import "base" "add" (func $add (param i32 i32) (result i32)))
        (import "base" "memory" (memory 1))
        (import "base" "table" (table 0 funcref))
        (import "base" "place" (global $place i32))
        (import "base" "moved" (global $moved (mut i32)))
        (import "base" "never" (global $never (mut i32)))
        (elem (offset (global.get $place)) func $called)
        (data (offset (global.get $place)) "text")
        (func $called (param i32) (result i32)
            (global.set $moved (global.get $place))
            (call $add (global.get $moved) (global.get $never)))
        (func (export "run") (param i32) (result i32)
            (call_indirect (param i32) (result i32) (local.get 0) (global.get $place))))
    (core instance $b (instantiate $base))
    (core instance $u (instantiate $user (with "base" (instance $b))))
"#;

#[test]
fn libraries_become_one_module() {
    let component = format!(
        r#"(component {LIBRARIES} (func (export "run") (param "a" u32) (result u32)
            (canon lift (core func $u "run"))))"#
    );
    let whole = wat::parse_str(&component).unwrap();
    assert_eq!(modules(&whole), 2);
    let merged = merge_modules(&whole).unwrap().unwrap();
    assert_eq!(modules(&merged), 1);
    let operators = operators(&merged);
    // What nothing sets is a constant; the others are read and set. The function that nothing
    // calls is gone.
    let count = |test: fn(&Operator<'_>) -> bool| operators.iter().filter(|one| test(one)).count();
    assert_eq!(count(|one| matches!(one, Operator::GlobalGet { .. })), 1);
    assert_eq!(count(|one| matches!(one, Operator::GlobalSet { .. })), 1);
    assert_eq!(
        count(|one| matches!(one, Operator::I32Const { value: 3 })),
        2
    );
    assert_eq!(
        count(|one| matches!(one, Operator::I32Const { value: 7 })),
        1
    );
    // A second time there is nothing to do.
    assert!(merge_modules(&merged).unwrap().is_none());
}

#[test]
fn modules_stay_that_run_code_at_the_start_or_twice() {
    let start = LIBRARIES.replace(
        "(core module $base",
        "(core module $base (func $s) (start $s)",
    );
    assert!(merged(&format!("(component {start})")).is_none());
    let twice = format!("(component {LIBRARIES} (core instance (instantiate $base)))");
    assert!(merged(&twice).is_none());
}

/// As toolchains do it: the first module calls the host through a table that another one fills.
const HOST: &str = r#"(component
    (import "log" (func $log (param "text" string)))
    (core module $shim
        (table (export "$imports") 1 1 funcref)
        (func (export "0") (param i32 i32)
            (call_indirect (param i32 i32) (local.get 0) (local.get 1) (i32.const 0))))
    (core module $main
        (import "host" "log" (func $log (param i32 i32)))
        (memory (export "memory") 1)
        (func (export "run") (call $log (i32.const 8) (i32.const 2))))
    (core module $fill
        (import "" "$imports" (table 1 1 funcref))
        (import "" "0" (func (param i32 i32)))
        (elem (i32.const 0) func 0))
    (core instance $s (instantiate $shim))
    (core instance $m (instantiate $main (with "host" (instance
        (export "log" (func $s "0"))))))
    (alias core export $m "memory" (core memory $memory))
    (core func $lowered (canon lower (func $log) (memory $memory)))
    (core instance (instantiate $fill (with "" (instance
        (export "$imports" (table $s "$imports"))
        (export "0" (func $lowered))))))
    (func (export "run") (canon lift (core func $m "run"))))"#;

#[test]
fn what_needs_the_memory_stays_outside() {
    let whole = wat::parse_str(HOST).unwrap();
    let merged = merge_modules(&whole).unwrap().unwrap();
    assert_eq!((modules(&whole), modules(&merged)), (3, 2));
    // The interface is as it was.
    let (before, after) = (Facts::read(&whole).unwrap(), Facts::read(&merged).unwrap());
    assert_eq!(
        (before.imports, before.exports),
        (after.imports, after.exports)
    );
}

#[test]
fn an_instance_can_be_given_whole_to_a_module_outside() {
    let given = HOST
        .replace("(export \"$imports\" (table $s \"$imports\"))", "")
        .replace("(import \"\" \"$imports\"", "(import \"shim\" \"$imports\"")
        .replace(
            "(instantiate $fill",
            "(instantiate $fill (with \"shim\" (instance $s))",
        );
    assert_eq!(modules(&merged(&given).unwrap()), 2);
}

#[test]
fn components_inside_are_merged_too() {
    let merged = merged(&format!("(component (component {LIBRARIES}))")).unwrap();
    assert_eq!(modules(&merged), 1);
}

#[test]
fn names_and_makers_of_all_modules_are_kept() {
    let merged = merged(&format!("(component {LIBRARIES})")).unwrap();
    let text = String::from_utf8_lossy(&merged);
    // Nothing calls either, since nothing is exported: only what a table holds is left.
    assert!(text.contains("called") && !text.contains("forgotten"));
}

#[test]
fn what_is_no_component_is_refused() {
    let module = wat::parse_str("(module)").unwrap();
    assert!(matches!(
        merge_modules(&module),
        Err(MergeError::NoComponent)
    ));
    assert!(matches!(
        merge_modules(b"\0asm\x0d"),
        Err(MergeError::NotWasm(_))
    ));
    let handed = wat::parse_str("(component (core module $m) (export \"m\" (core module $m)))");
    let refused = merge_modules(&handed.unwrap());
    assert!(
        matches!(refused, Err(MergeError::Unknown(_))),
        "{refused:?}"
    );
}

/// Why a component of two modules that share a memory is not merged, with this between them.
fn refused(between: &str) -> Option<String> {
    let component = format!(
        r#"(component
            (core module $base (memory (export "memory") 1) (table (export "table") 4 funcref))
            (core module $late (import "base" "memory" (memory 1))
                (import "base" "table" (table 1 funcref))
                (func $g) (elem (i32.const 0) $g) (data (i32.const 64) "2222"))
            (core instance $b (instantiate $base))
            {between}
            (core instance $l (instantiate $late (with "base" (instance $b)))))"#
    );
    let merged = merge_modules(&wat::parse_str(component).unwrap());
    merged.err().map(|error| error.to_string())
}

#[test]
fn the_order_of_what_happens_at_the_start_is_kept() {
    assert_eq!(refused(""), None);
    for effect in [
        // Two instances of one module, which writes where the last one writes.
        r#"(core module $t (import "base" "memory" (memory 1)) (data (i32.const 64) "1111"))
           (core instance (instantiate $t (with "base" (instance $b))))
           (core instance (instantiate $t (with "base" (instance $b))))"#,
        r#"(core module $t (import "base" "table" (table 1 funcref))
               (func $f) (elem (i32.const 0) $f))
           (core instance (instantiate $t (with "base" (instance $b))))
           (core instance (instantiate $t (with "base" (instance $b))))"#,
        // A start function that reads, or makes more of, the memory.
        r#"(core module $s (import "base" "memory" (memory 1))
               (func $f (drop (memory.grow (i32.const 1)))) (start $f))
           (core instance (instantiate $s (with "base" (instance $b))))"#,
    ] {
        let why = refused(effect).unwrap_or_default();
        assert!(why.contains("between those that would be merged"), "{why}");
    }
    let passive = r#"(core module $t (import "base" "memory" (memory 1)) (data "1111"))
        (core instance (instantiate $t (with "base" (instance $b))))
        (core instance (instantiate $t (with "base" (instance $b))))"#;
    assert_eq!(refused(passive), None);
    // As toolchains have it: a table of its own.
    let elsewhere = r#"(core module $o (table (export "own") 2 funcref))
        (core instance $own (instantiate $o))
        (core module $t (import "own" "own" (table 1 funcref)) (func $f) (elem (i32.const 0) $f))
        (core instance (instantiate $t (with "own" (instance $own))))
        (core instance (instantiate $t (with "own" (instance $own))))"#;
    assert_eq!(refused(elsewhere), None);
}

#[test]
fn a_destructor_keeps_its_index() {
    let why = refused(
        r#"(core module $d (func (export "drop") (param i32)))
           (core instance $i (instantiate $d))
           (type $r (resource (rep i32) (dtor (core func $i "drop"))))"#,
    );
    assert!(why.unwrap_or_default().contains("destructor"));
}
