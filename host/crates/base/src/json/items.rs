//! The items of an array, as bytes.

use super::error::{Fault, NotJson};
use super::pointer::steps;
use super::scan::Scan;

/// The exact bytes of each item of the array at `pointer`, without a copy. The pointer may lead
/// through objects only.
///
/// Fails if `text` is not one whole JSON value, or has no array at the pointer.
pub fn items<'t>(text: &'t [u8], pointer: &str) -> Result<Vec<&'t [u8]>, NotJson> {
    let no_array = || NotJson::NoArray {
        pointer: pointer.to_owned(),
    };
    let steps = steps(pointer).map_err(|_| no_array())?;
    let mut scan = Scan::new(text);
    let found = items_below(&mut scan, &steps, 0)?;
    scan.end()?;
    found.ok_or_else(no_array)
}

fn items_below<'t>(
    scan: &mut Scan<'t>,
    steps: &[String],
    depth: usize,
) -> Result<Option<Vec<&'t [u8]>>, Fault> {
    let mut found = None;
    match (steps.split_first(), scan.peek()) {
        (None, Some(b'[')) => {
            let mut items = Vec::new();
            scan.array(depth, |scan, _| {
                items.push(scan.value(depth + 1)?.1);
                Ok(())
            })?;
            found = Some(items);
        }
        (Some((step, rest)), Some(b'{')) => scan.object(depth, |scan, key| {
            if *key == *step.as_bytes() {
                found = items_below(scan, rest, depth + 1)?;
                return Ok(());
            }
            scan.skip(depth + 1)
        })?,
        _ => scan.skip(depth)?,
    }
    Ok(found)
}
