//! What can be told of a toolchain's result without running it.

use tollgate_component::{Facts, Import};

use crate::error::BuildError;
use crate::toolchain::Toolchain;

/// How a core module is exported in any language.
const EXPORT: &str = "export the function `handle` of the world `tollgate:handler/handler`";

/// What wit-bindgen calls the export in core modules, by the ways of naming that are known.
const HANDLE: [&str; 2] = ["handle", "cm32p2||handle"];

/// What wit-bindgen calls it where the function is compiled as async.
const ASYNC: [&str; 2] = ["[async-lift]handle", "[async-lift-stackful]handle"];

/// Checks a core module or a component.
pub(crate) fn check(facts: &Facts, toolchain: Option<&dyn Toolchain>) -> Result<(), BuildError> {
    let exports = |names: &[&str]| {
        facts
            .exports
            .iter()
            .any(|name| names.contains(&name.as_str()))
    };
    let how = toolchain.map_or(EXPORT, Toolchain::how_to_export);
    if exports(&ASYNC) {
        let what = "`handle` is exported as an async function; the gateway calls a plain one";
        return Err(BuildError::wrong(what, how));
    }
    if exports(&["_start"]) && !facts.component {
        let what = "the module exports `_start`, the entry of a program; the gateway never runs it";
        let help = "build a library (a reactor) and not a program: with clang \
                    `-mexec-model=reactor`, with Go `-buildmode=c-shared`, with Rust \
                    `crate-type = [\"cdylib\"]`, with Zig `-fno-entry`";
        return Err(BuildError::wrong(what, help));
    }
    if !exports(&HANDLE) {
        return Err(BuildError::wrong(without_handle(facts), how));
    }
    match facts
        .imports
        .iter()
        .find(|import| is_foreign(import, facts))
    {
        Some(import) => Err(foreign(import, facts, toolchain)),
        None => Ok(()),
    }
}

/// What is wrong with a file that no toolchain of this program made, and what to do. None if
/// nothing can be told without loading the file.
pub fn help_for_module(facts: &Facts) -> Option<(String, String)> {
    if let Err(error) = check(facts, None) {
        let help = error.help().unwrap_or_default();
        return Some((error.to_string(), help));
    }
    if facts.component || facts.has_world {
        return None;
    }
    let what = "the core module does not name its world: it has no `component-type` section";
    let help = "name the file as `output` in a plugin.toml: `tollgate plugin build` adds the \
                world and makes a component; or run `wasm-tools component embed --world handler \
                wit FILE.wasm -o FILE.wasm`";
    Some((what.to_owned(), help.to_owned()))
}

fn without_handle(facts: &Facts) -> String {
    let kind = if facts.component {
        "component"
    } else {
        "module"
    };
    let others = facts.exports.iter().map(|name| format!("`{name}`"));
    let others: Vec<_> = others.take(8).collect();
    match others.is_empty() {
        true => format!("the {kind} exports no `handle`: it exports nothing"),
        false => format!("the {kind} exports no `handle`, only {}", others.join(", ")),
    }
}

/// Whether an import is from elsewhere than the world and WASI.
fn is_foreign(import: &Import, facts: &Facts) -> bool {
    let module = import.module.as_str();
    let known = [
        "tollgate:handler/",
        "tollgate:ask/",
        "wasi:",
        "wasi_snapshot_preview1",
    ];
    if import.is_type || known.iter().any(|known| module.starts_with(known)) {
        return false;
    }
    // Intrinsics of the component model, which wit-component supplies.
    let intrinsic = module.starts_with("cm32p2|") || module == "$root" || module.starts_with('[');
    !intrinsic || facts.component
}

fn foreign(import: &Import, facts: &Facts, toolchain: Option<&dyn Toolchain>) -> BuildError {
    let Import { module, name, .. } = import;
    if facts.component {
        let what = format!("the component imports `{module}`, which handlers are not given");
        let help = "handlers are given the interfaces of `tollgate:handler` and `tollgate:ask`, and \
                    of WASI 0.2: clocks, random numbers, stdout and stderr";
        return BuildError::wrong(what, help);
    }
    let what = format!("the module imports `{name}` from `{module}`, which nobody supplies");
    let own = toolchain.and_then(|toolchain| toolchain.how_to_avoid(module, name));
    let help = own.unwrap_or_else(|| {
        "a function that is declared and not defined becomes such an import: link what defines \
         it, or call the interfaces of `tollgate:handler` instead"
            .to_owned()
    });
    BuildError::wrong(what, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(module: &str) -> Result<(), BuildError> {
        check(
            &Facts::read(&wat::parse_str(module).unwrap()).unwrap(),
            None,
        )
    }

    fn wrong(module: &str) -> (String, String) {
        let error = checked(module).unwrap_err();
        (error.to_string(), error.help().unwrap())
    }

    const HANDLE: &str = r#"(func (export "handle") (param i32) (result i32) i32.const 0)"#;

    #[test]
    fn a_handler_is_fine() {
        let imports = r#"(import "tollgate:handler/log@0.1.0" "log" (func (param i32)))
            (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))"#;
        checked(&format!("(module {imports} {HANDLE})")).unwrap();
    }

    #[test]
    fn what_is_no_handler_is_told() {
        let (what, help) = wrong(r#"(module (memory (export "memory") 1))"#);
        assert_eq!(what, "the module exports no `handle`, only `memory`");
        assert_eq!(help, EXPORT);
        let (what, help) = wrong(&format!(r#"(module (func (export "_start")) {HANDLE})"#));
        assert!(
            what.contains("`_start`") && help.contains("reactor"),
            "{what}"
        );
        let lifted = HANDLE.replace("\"handle\"", "\"[async-lift]handle\"");
        assert!(wrong(&format!("(module {lifted})")).0.contains("async"));
    }

    #[test]
    fn an_import_from_elsewhere_is_told() {
        let import = r#"(import "env" "puts" (func (param i32) (result i32)))"#;
        let (what, _) = wrong(&format!("(module {import} {HANDLE})"));
        let told = "the module imports `puts` from `env`, which nobody supplies";
        assert_eq!(what, told);
        let component = r#"(component (import "wasi-http:none/x" (instance))
            (core module $m) (instance $i) (export "handle" (instance $i)))"#;
        let (what, help) = wrong(component);
        assert!(
            what.contains("`wasi-http:none/x`") && help.contains("WASI 0.2"),
            "{what}"
        );
    }
}
