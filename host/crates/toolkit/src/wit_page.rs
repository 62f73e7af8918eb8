//! `docs/wit.md`, made of the WIT packages and their comments.

use std::fmt::Write as _;
use std::path::Path;

use wit_parser::{
    Docs, Function, InterfaceId, Resolve, Stability, Type, TypeDef, TypeDefKind, World, WorldItem,
};

use crate::embedded;
use crate::world::{push, resolve};

const HEAD: &str = "\
# The WIT interface

What passes between the gateway and a handler, item by item. This page is made of the files in
`wit/`; `PAGES=write cargo nextest run -E 'test(wit_page)'` writes it anew. [Writing a
handler](handlers.md) explains how the parts are used together, and the pages of the
[languages](languages.md) say what the SDKs make of them.

Each interface and each item says since which version of its package it is there.
";

/// The packages that are ours: WASI's have documentation of their own.
const NAMESPACE: &str = "tollgate";

/// The folders of the other packages, each after those that it needs.
const OTHERS: &[&str] = &[
    "wit/ask",
    "wit/http/deps/wasi-io",
    "wit/http/deps/wasi-clocks",
    "wit/http/deps/wasi-http",
    "wit/http",
];

/// The page.
fn page() -> String {
    let (mut resolve, _) = resolve();
    for folder in OTHERS {
        push(
            &mut resolve,
            embedded::below(folder).filter(|(name, _)| !name.contains('/')),
        );
    }
    let mut page = HEAD.to_owned();
    let own = |name: &wit_parser::PackageName| name.namespace == NAMESPACE;
    for (_, package) in resolve.packages.iter().filter(|(_, one)| own(&one.name)) {
        _ = write!(page, "\n## Package `{}`\n", package.name);
        write_docs(&mut page, &package.docs, "");
        for &world in package.worlds.values() {
            write_world(&mut page, &resolve, &resolve.worlds[world]);
        }
        // The event and the answer first, then what a handler may call.
        let mut interfaces: Vec<_> = package.interfaces.iter().collect();
        interfaces.sort_by_key(|(name, _)| *name != "types");
        for (_, &interface) in interfaces {
            write_interface(&mut page, &resolve, interface);
        }
    }
    page
}

fn write_world(page: &mut String, resolve: &Resolve, world: &World) {
    _ = write!(page, "\n### World `{}`\n", world.name);
    write_docs(page, &world.docs, "");
    _ = write!(page, "\n{}\n\n", since(&world.stability));
    for item in world.imports.values() {
        // Types come with the interface that has them, and are listed there.
        if let WorldItem::Interface { id, .. } = item {
            let name = resolve.id_of(*id).unwrap_or_default();
            _ = writeln!(page, "- imports `{name}`");
        }
    }
    for item in world.exports.values() {
        if let WorldItem::Function(function) = item {
            _ = writeln!(page, "- exports `{}`", function.name);
            write_function(page, resolve, function);
        }
    }
}

fn write_interface(page: &mut String, resolve: &Resolve, id: InterfaceId) {
    let interface = &resolve.interfaces[id];
    let name = interface.name.as_deref().unwrap_or_default();
    _ = write!(page, "\n### Interface `{name}`\n");
    write_docs(page, &interface.docs, "");
    _ = write!(page, "\n{}\n", since(&interface.stability));
    for &kind in interface.types.values() {
        write_type(page, resolve, &resolve.types[kind]);
    }
    for function in interface.functions.values() {
        write_function(page, resolve, function);
    }
}

fn write_type(page: &mut String, resolve: &Resolve, kind: &TypeDef) {
    let name = kind.name.as_deref().unwrap_or_default();
    let word = kind.kind.as_str();
    _ = write!(page, "\n#### `{word} {name}`\n");
    write_docs(page, &kind.docs, "");
    _ = write!(page, "\n{}\n\n", since(&kind.stability));
    match &kind.kind {
        TypeDefKind::Record(record) => {
            for field in &record.fields {
                let text = format!("{}: {}", field.name, type_name(resolve, &field.ty));
                write_member(page, &text, &field.docs);
            }
        }
        TypeDefKind::Variant(variant) => {
            for case in &variant.cases {
                let value = case.ty.map(|ty| format!("({})", type_name(resolve, &ty)));
                write_member(
                    page,
                    &(case.name.clone() + &value.unwrap_or_default()),
                    &case.docs,
                );
            }
        }
        TypeDefKind::Enum(cases) => {
            for case in &cases.cases {
                write_member(page, &case.name, &case.docs);
            }
        }
        other => panic!("the page has no form for `{}` yet", other.as_str()),
    }
}

/// A field or a case: what it is in the first line, what it means below.
fn write_member(page: &mut String, text: &str, docs: &Docs) {
    let has_docs = docs.contents.is_some();
    _ = writeln!(page, "- `{text}`{}", if has_docs { "\\" } else { "" });
    let mut meaning = String::new();
    write_docs(&mut meaning, docs, "  ");
    page.push_str(meaning.trim_start_matches('\n'));
}

fn write_function(page: &mut String, resolve: &Resolve, function: &Function) {
    let parameters = function.params.iter();
    let parameters: Vec<_> = parameters
        .map(|one| format!("{}: {}", one.name, type_name(resolve, &one.ty)))
        .collect();
    let result = function
        .result
        .map(|ty| format!(" -> {}", type_name(resolve, &ty)));
    _ = write!(
        page,
        "\n#### `{name}`\n\n```wit\n{name}: func({}){}\n```\n",
        parameters.join(", "),
        result.unwrap_or_default(),
        name = function.name,
    );
    write_docs(page, &function.docs, "");
    _ = write!(page, "\n{}\n", since(&function.stability));
}

/// Paragraphs with an empty line before them, each line behind an indent.
fn write_docs(page: &mut String, docs: &Docs, indent: &str) {
    let Some(text) = &docs.contents else { return };
    page.push('\n');
    for line in text.trim_end().lines() {
        let line = line.trim_end();
        _ = writeln!(page, "{}{line}", if line.is_empty() { "" } else { indent });
    }
}

fn since(stability: &Stability) -> String {
    match stability {
        Stability::Stable { since, .. } => format!("*Since {since}.*"),
        other => panic!("an item says since when it is there: {other:?}"),
    }
}

/// A type as WIT writes it.
fn type_name(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else {
        return primitive(ty).to_owned();
    };
    let of = |ty: &Option<Type>| ty.as_ref().map_or("_".into(), |ty| type_name(resolve, ty));
    let kind = &resolve.types[*id];
    if let Some(name) = &kind.name {
        return name.clone();
    }
    match &kind.kind {
        TypeDefKind::Option(ty) => format!("option<{}>", type_name(resolve, ty)),
        TypeDefKind::List(ty) => format!("list<{}>", type_name(resolve, ty)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", of(&result.ok), of(&result.err)),
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<_> = tuple
                .types
                .iter()
                .map(|ty| type_name(resolve, ty))
                .collect();
            format!("tuple<{}>", types.join(", "))
        }
        other => panic!("the page has no form for `{}` yet", other.as_str()),
    }
}

fn primitive(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::String => "string",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S64 => "s64",
        other => panic!("the page has no form for {other:?} yet"),
    }
}

#[test]
fn the_page_of_the_interface_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/wit.md");
    let page = page();
    if std::env::var_os("PAGES").is_some() {
        std::fs::write(&file, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/wit.md is out of date: run PAGES=write cargo nextest run -E 'test(wit_page)'"
    );
}
