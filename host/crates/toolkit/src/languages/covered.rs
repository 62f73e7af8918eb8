//! A test: the SDKs that are written by hand use every function and every field of the interface.
//! So a change of `wit/` that forgets one of them is seen.

use wit_parser::{TypeDefKind, WorldItem};

use crate::embedded;
use crate::world::resolve;

/// An SDK: its folders, and how a function and a field of the interface are written in it.
struct Sdk {
    folder: &'static str,
    function: fn(&str, &str) -> String,
    field: fn(&str) -> String,
}

const SDKS: [Sdk; 5] = [
    Sdk {
        folder: "sdk/javascript/src",
        function: |interface, name| format!("host.{interface}.{}(", camel(name)),
        field: |name| format!("raw.{}", camel(name)),
    },
    Sdk {
        folder: "sdk/python/tollgate_runtime",
        function: |interface, name| format!("{interface}.{}", snake(name)),
        field: |name| format!("raw.{}", snake(name)),
    },
    Sdk {
        folder: "sdk/c",
        function: |interface, name| format!("tollgate_handler_{interface}_{}(", snake(name)),
        field: |name| format!("from->{}", snake(name)),
    },
    Sdk {
        folder: "sdk/go",
        function: |interface, name| {
            format!("//go:wasmimport tollgate:handler/{interface}@0.1.0 {name}\n")
        },
        field: |name| format!("\t{} ", go(name)),
    },
    Sdk {
        folder: "sdk/assemblyscript",
        function: |interface, name| {
            format!("@external(\"tollgate:handler/{interface}@0.1.0\", \"{name}\")")
        },
        field: |name| format!("event.{} = ", camel(name)),
    },
];

/// As Go has it: times are values of a type of their own, so their unit is no part of the name.
fn go(name: &str) -> String {
    let parts = name.split('-').filter(|part| *part != "ms");
    let parts = parts.map(|part| match part {
        "id" => "ID".to_owned(),
        part => part[..1].to_uppercase() + &part[1..],
    });
    parts.collect()
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

fn camel(name: &str) -> String {
    let mut parts = name.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let (head, tail) = part.split_at(1);
        name + &head.to_uppercase() + tail
    })
}

/// The functions that a handler may call, by interface and name.
fn functions() -> Vec<(String, String)> {
    let (resolve, world) = resolve();
    let imports = resolve.worlds[world].imports.values();
    let interfaces = imports.filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(&resolve.interfaces[*id]),
        _ => None,
    });
    interfaces
        .flat_map(|interface| {
            let name = interface.name.clone().unwrap_or_default();
            let functions = interface.functions.keys();
            functions.map(move |function| (name.clone(), function.clone()))
        })
        .collect()
}

/// The fields of the event.
fn fields() -> Vec<String> {
    let (resolve, _) = resolve();
    let mut types = resolve.types.iter().map(|(_, ty)| ty);
    let event = types.find(|ty| ty.name.as_deref() == Some("event"));
    match &event.unwrap().kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|f| f.name.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_sdk_has_all_of_the_interface() {
    let (functions, fields) = (functions(), fields());
    assert!(functions.len() > 12 && fields.len() > 10, "{functions:?}");
    for sdk in SDKS {
        let files = embedded::below(sdk.folder);
        let sources: String = files
            .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
            .collect();
        for (interface, name) in &functions {
            let call = (sdk.function)(interface, name);
            assert!(sources.contains(&call), "{}: no {call}", sdk.folder);
        }
        for name in &fields {
            let field = (sdk.field)(name);
            assert!(sources.contains(&field), "{}: no {field}", sdk.folder);
        }
    }
}

/// The functions of the C SDK that languages with texts and JSON of their own do not need.
const OF_C_ALONE: [&str; 11] = [
    "tg_string",
    "tg_equal",
    "tg_join",
    "tg_number",
    "tg_json_find",
    "tg_json_string",
    "tg_json_integer",
    "tg_json_bool",
    "tg_json_quoted",
    "tg_panic",
    "tg_forgive",
];

#[test]
fn the_sdks_on_top_of_that_of_c_have_all_of_it() {
    let header = embedded::below("sdk/c")
        .find(|(name, _)| *name == "tollgate.h")
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    let header = header.expect("the header");
    // Declarations begin at the start of a line, and comments do not end with a parenthesis so.
    let declared = header
        .lines()
        .filter(|line| !line.starts_with([' ', '*', '/', '#']) && line.contains('('))
        .filter_map(|line| {
            let before = line.split('(').next()?;
            let name = before.rsplit([' ', '*']).next()?;
            name.starts_with("tg_").then_some(name)
        })
        .filter(|name| !OF_C_ALONE.contains(name));
    let declared: Vec<&str> = declared.collect();
    assert!(declared.len() > 20, "{declared:?}");
    for folder in ["sdk/zig", "sdk/d", "sdk/nim"] {
        let sources: String = embedded::below(folder)
            .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
            .collect();
        for name in &declared {
            // Once where it is declared, and at least once where it is called.
            let found = sources.matches(&format!("{name}(")).count();
            let passed = sources.matches(&format!("c.{name})")).count();
            assert!(found + passed > 1, "{folder}: nothing calls {name}");
        }
        for name in fields() {
            let field = format!("from.{}", snake(&name));
            let raw = format!("raw.{}", snake(&name));
            assert!(
                sources.contains(&field) || sources.contains(&raw),
                "{folder}: no {field}"
            );
        }
    }
}

#[test]
fn names_are_written_as_the_languages_do() {
    assert_eq!(camel("provider-id"), "providerId");
    assert_eq!(snake("provider-id"), "provider_id");
    assert_eq!(go("provider-id"), "ProviderID");
    assert_eq!(go("created-ms"), "Created");
}
