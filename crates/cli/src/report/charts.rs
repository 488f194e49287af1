//! Charts as SVG. Only shapes: words and numbers stand next to them as text of the page, so that they keep
//! their size on a narrow screen while the shapes are stretched. Colours are classes, for both themes.

use std::fmt::Write as _;

use streamledger_core::numbers::exact;
use svg::Document;
use svg::node::element::{Line, Polyline, Rectangle};

/// Height of a row of bars, in units of the drawing.
const ROW: i64 = 20;

/// Width of the drawing of bars.
const WIDTH: i64 = 1000;

/// What a bar of a waterfall is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProgressBar {
    /// From 0 to so many.
    Total(i64),
    /// From where the one before ends, so many further.
    Change(i64),
    /// A total that is not known.
    Unknown,
}

/// A bar a row, each from where the one before ends; `None` if there is nothing to draw.
pub(crate) fn waterfall(bars: &[ProgressBar]) -> Option<String> {
    let spans = spans(bars);
    let ends = || spans.iter().flat_map(|(from, to, _)| [*from, *to]);
    let (least, most) = (ends().min()?.min(0), ends().max()?.max(0));
    if least == most {
        return None;
    }
    let x = |plays: i64| {
        let share = i128::from(plays - least) * i128::from(WIDTH) / i128::from(most - least);
        exact::<i64>(share)
    };
    let height = ROW * i64::try_from(bars.len()).ok()?;
    let mut drawing = drawing(WIDTH, height).add(
        Line::new()
            .set("class", "axis")
            .set("x1", x(0))
            .set("x2", x(0))
            .set("y1", 0)
            .set("y2", height),
    );
    // From the middle of a row to that of the next, under the bars.
    let last = exact::<i64>(spans.len()) - 1;
    for (row, (_, to, _)) in (0_i64..last).zip(&spans) {
        let (middle, end) = (row * ROW + ROW / 2, x(*to));
        let line = Line::new().set("class", "step").set("x1", end).set("x2", end);
        drawing = drawing.add(line.set("y1", middle).set("y2", middle + ROW));
    }
    for (row, (from, to, class)) in (0_i64..).zip(&spans).filter(|(_, (from, to, _))| from != to) {
        let (left, right) = (x(*from.min(to)), x(*from.max(to)));
        let bar = Rectangle::new().set("class", *class).set("x", left).set("y", row * ROW + 4);
        // What is there can be seen, however little it is.
        drawing = drawing.add(bar.set("width", (right - left).max(3)).set("height", ROW - 8));
    }
    Some(drawing.to_string())
}

/// From where to where each bar goes, and its class.
fn spans(bars: &[ProgressBar]) -> Vec<(i64, i64, &'static str)> {
    let mut at = 0;
    let span = |bar: &ProgressBar| match *bar {
        ProgressBar::Total(plays) => {
            at = plays;
            (0, plays, "total")
        }
        ProgressBar::Unknown => {
            at = 0;
            (0, 0, "total")
        }
        ProgressBar::Change(plays) => {
            let from = at;
            at += plays;
            (from, at, if plays < 0 { "less" } else { "more" })
        }
    };
    bars.iter().map(span).collect()
}

/// A day of the daily lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DayPoint {
    /// Reported, counted and held plays.
    pub(crate) plays: [i64; 3],
    /// Whether anything was reported of the day, of any recording; else the lines have a gap.
    pub(crate) is_known: bool,
    /// What statements say of its month.
    pub(crate) settled: SettledMonths,
}

/// What statements say of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SettledMonths {
    /// Nothing yet.
    No,
    /// Some are there.
    InPart,
    /// All are there.
    Whole,
}

/// Height of the drawing of lines.
const HEIGHT: i64 = 200;

/// Reported, counted and held plays as lines over the days, from 0 to `most`; days of paid months on a
/// ground of their own.
pub(crate) fn days(points: &[DayPoint], most: i64) -> Option<String> {
    let n_days = i64::try_from(points.len()).ok().filter(|n| 0 < *n)?;
    let mut drawing = drawing(n_days * 10, HEIGHT);
    let mut from = 0;
    for days in points.chunk_by(|a, b| a.settled == b.settled) {
        let width = exact::<i64>(days.len()) * 10;
        let class = match days.first().map(|day| day.settled) {
            Some(SettledMonths::Whole) => Some("paid"),
            Some(SettledMonths::InPart) => Some("paid part"),
            _ => None,
        };
        if let Some(class) = class {
            let ground = Rectangle::new().set("class", class).set("x", from).set("y", 0);
            drawing = drawing.add(ground.set("width", width).set("height", HEIGHT));
        }
        from += width;
    }
    for y in [0, HEIGHT / 2, HEIGHT] {
        let grid = Line::new().set("class", "grid").set("x1", 0).set("x2", n_days * 10);
        drawing = drawing.add(grid.set("y1", y).set("y2", y));
    }
    for (which, class) in [(0, "reported"), (1, "counted"), (2, "held")] {
        for line in lines(points, most, which) {
            drawing = drawing.add(Polyline::new().set("class", class).set("points", line));
        }
    }
    Some(drawing.to_string())
}

/// The points of a line; another line after each gap. A day alone is a short stroke.
fn lines(points: &[DayPoint], most: i64, which: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_open = false;
    for (day, point) in (0_i64..).zip(points) {
        if !point.is_known {
            is_open = false;
            continue;
        }
        let up =
            i128::from(point.plays[which].max(0)) * i128::from(HEIGHT) / i128::from(most.max(1));
        let y = HEIGHT - i64::try_from(up).unwrap_or(HEIGHT);
        if !is_open {
            lines.push(format!("{},{y}", day * 10 + 2));
        }
        if let Some(line) = lines.last_mut() {
            let _infallible = write!(line, " {},{y}", day * 10 + 5);
        }
        is_open = true;
    }
    lines
}

/// A drawing that is stretched to the place that it gets, and is not read out: the words next to it are.
fn drawing(width: i64, height: i64) -> Document {
    Document::new()
        .set("viewBox", format!("0 0 {width} {height}"))
        .set("preserveAspectRatio", "none")
        .set("aria-hidden", "true")
        .set("focusable", "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_begin_where_the_one_before_ends() {
        let bars = [
            ProgressBar::Unknown,
            ProgressBar::Change(10),
            ProgressBar::Total(10),
            ProgressBar::Change(-4),
            ProgressBar::Total(6),
        ];
        assert_eq!(
            spans(&bars),
            [(0, 0, "total"), (0, 10, "more"), (0, 10, "total"), (10, 6, "less"), (0, 6, "total")]
        );
        let text = waterfall(&bars).unwrap();
        assert_eq!(text.matches("<rect").count(), 4, "{text}");
        assert!(text.contains(r#"class="less" height="12" width="400" x="600" y="64""#), "{text}");
        assert_eq!(waterfall(&[ProgressBar::Unknown, ProgressBar::Total(0)]), None);
    }

    #[test]
    fn bars_below_zero_have_their_place() {
        let text =
            waterfall(&[ProgressBar::Total(5), ProgressBar::Change(-10), ProgressBar::Total(-5)])
                .unwrap();
        assert!(text.contains(r#"class="total" height="12" width="500" x="500" y="4""#), "{text}");
        assert!(text.contains(r#"class="less" height="12" width="1000" x="0" y="24""#), "{text}");
    }

    #[test]
    fn months_that_are_settled_have_a_ground_of_their_own() {
        let day = |settled| DayPoint { plays: [1; 3], is_known: true, settled };
        let points =
            [SettledMonths::Whole, SettledMonths::Whole, SettledMonths::InPart, SettledMonths::No]
                .map(day);
        let text = days(&points, 1).unwrap();
        assert_eq!(text.matches("<rect").count(), 2, "{text}");
        assert!(text.contains(r#"class="paid" height="200" width="20" x="0""#), "{text}");
        assert!(text.contains(r#"class="paid part" height="200" width="10" x="20""#), "{text}");
    }

    #[test]
    fn a_day_without_a_report_is_a_gap_and_not_a_zero() {
        let day = |counted, is_known| DayPoint {
            plays: [counted; 3],
            is_known,
            settled: SettledMonths::No,
        };
        let points = [day(10, true), day(0, true), day(0, false), day(5, true)];
        assert_eq!(lines(&points, 10, 1), ["2,0 5,0 15,200", "32,100 35,100"]);
        assert_eq!(days(&[], 10), None);
    }
}
