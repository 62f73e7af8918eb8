//! Small charts, as SVG: a curve for each series, without a script.

use std::fmt::Write as _;

use maud::{Markup, html};

/// The size of the drawing, in its own units.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// A curve.
pub(super) struct Series {
    /// What is counted.
    pub(super) name: &'static str,
    /// The class by which the style colours the curve.
    pub(super) class: &'static str,
    /// The values, the newest last.
    pub(super) values: Vec<f64>,
}

/// A chart of several series over the same times. `places` is the number of values that fill the
/// width; fewer values stand at the right.
pub(super) fn chart(title: &str, places: usize, series: &[Series]) -> Markup {
    let greatest = series
        .iter()
        .flat_map(|one| &one.values)
        .copied()
        .fold(0.0, f64::max);
    let top = ceiling(greatest);
    html! {
        figure.chart {
            figcaption {
                strong { (title) }
                @for one in series {
                    span class={ "key " (one.class) } {
                        (one.name) " " (shown(one.values.last().copied().unwrap_or(0.0)))
                    }
                }
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                aria-label=(described(title, series)) {
                @for one in series {
                    polyline class=(one.class) points=(points(&one.values, places, top)) {}
                }
            }
            span.top { (shown(top)) }
        }
    }
}

/// The points of a curve.
fn points(values: &[f64], places: usize, top: f64) -> String {
    let first = places.saturating_sub(values.len());
    let step = WIDTH / (places.max(2) - 1) as f64;
    let mut points = String::new();
    for (at, value) in values.iter().enumerate() {
        let x = (first + at) as f64 * step;
        let y = HEIGHT - (value / top * (HEIGHT - 4.0)) - 2.0;
        // Writing to a String cannot fail.
        _ = write!(points, "{x:.1},{y:.1} ");
    }
    points
}

/// The next round number: 1, 2 or 5 times a power of ten.
fn ceiling(greatest: f64) -> f64 {
    let power = 10_f64.powf(greatest.max(1.0).log10().floor());
    let fits = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    fits.into_iter()
        .find(|top| *top >= greatest)
        .unwrap_or(greatest)
}

fn shown(value: f64) -> String {
    match value {
        value if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        value => format!("{value:.1}"),
    }
}

fn described(title: &str, series: &[Series]) -> String {
    let now = series.iter().map(|one| {
        format!(
            "{} {}",
            one.name,
            shown(one.values.last().copied().unwrap_or(0.0))
        )
    });
    format!("{title}: {}", now.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_is_a_round_number() {
        for (greatest, top) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (1.1, 2.0),
            (30.0, 50.0),
            (501.0, 1000.0),
        ] {
            assert_eq!(ceiling(greatest), top, "{greatest}");
        }
    }

    #[test]
    fn few_values_stand_at_the_right() {
        assert_eq!(points(&[0.0, 10.0], 3, 10.0), "300.0,118.0 600.0,2.0 ");
        assert_eq!(points(&[], 3, 1.0), "");
    }
}
