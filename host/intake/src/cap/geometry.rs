//! Points, polygons and circles of CAP in WGS 84: latitude first, whole numbers of 10⁻⁷ degrees (about a centimetre), so
//! that what is said of them is exact and the same everywhere.

use std::fmt;

use crate::refusal::{Reason, quote};

/// Points of all polygons of one message.
pub const POINTS_MAX: usize = 4_096;
/// Pairs of edges that are looked at for crossings in one message. Beyond, it stays unknown whether a polygon crosses
/// itself.
pub const EDGE_PAIRS_MAX: usize = 200_000;

const UNIT: i64 = 10_000_000;

/// A point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// North of the equator, in 10⁻⁷ degrees, from -90 to 90 degrees.
    pub latitude: i32,
    /// East of Greenwich, in 10⁻⁷ degrees, from -180 to 180 degrees.
    pub longitude: i32,
}

/// A circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circle {
    /// Its middle.
    pub centre: Point,
    /// Its radius in metres.
    pub radius_metres: u32,
}

/// The box in which a source's points lie, in whole degrees, so that swapped ones are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Southern edge.
    pub south: i8,
    /// Northern edge.
    pub north: i8,
    /// Western edge.
    pub west: i16,
    /// Eastern edge.
    pub east: i16,
}

impl Bounds {
    fn hold(self, latitude: i64, longitude: i64) -> bool {
        (i64::from(self.south) * UNIT..=i64::from(self.north) * UNIT).contains(&latitude)
            && (i64::from(self.west) * UNIT..=i64::from(self.east) * UNIT).contains(&longitude)
    }

    /// Whether a point lies outside, and inside when its numbers change places.
    pub(super) fn swapped(self, point: Point) -> bool {
        let (latitude, longitude) = (i64::from(point.latitude), i64::from(point.longitude));
        !self.hold(latitude, longitude) && self.hold(longitude, latitude)
    }
}

/// Reads `latitude,longitude latitude,longitude …`: at least four points, the last one the first again.
pub(super) fn polygon(text: &str) -> Result<Vec<Point>, Reason> {
    let count = text.split_ascii_whitespace().count();
    if count > POINTS_MAX {
        return Err(Reason::TooLarge { what: "points", limit: POINTS_MAX });
    }
    let mut points = Vec::with_capacity(count);
    for item in text.split_ascii_whitespace() {
        points.push(point(item)?);
    }
    if points.len() < 4 || points.first() != points.last() {
        let wanted = "at least four points, and the last one the same as the first";
        return Err(Reason::Value { found: quote(text), wanted: wanted.into() });
    }
    Ok(points)
}

/// Reads `latitude,longitude radius`, the radius in kilometres.
pub(super) fn circle(text: &str) -> Result<Circle, Reason> {
    let wrong = || Reason::Value { found: quote(text), wanted: "`latitude,longitude radius` in kilometres".into() };
    let mut items = text.split_ascii_whitespace();
    let (Some(centre), Some(radius), None) = (items.next(), items.next(), items.next()) else { return Err(wrong()) };
    let radius_metres = scaled(radius, 3).and_then(|metres| u32::try_from(metres).ok()).ok_or_else(wrong)?;
    Ok(Circle { centre: point(centre)?, radius_metres })
}

fn point(text: &str) -> Result<Point, Reason> {
    let wrong = || Reason::Value { found: quote(text), wanted: "`latitude,longitude` in degrees".into() };
    let (latitude, longitude) = text.split_once(',').ok_or_else(wrong)?;
    let (latitude, longitude) = (scaled(latitude, 7).ok_or_else(wrong)?, scaled(longitude, 7).ok_or_else(wrong)?);
    let fits = |latitude: i64, longitude: i64| latitude.abs() <= 90 * UNIT && longitude.abs() <= 180 * UNIT;
    match (i32::try_from(latitude), i32::try_from(longitude)) {
        (Ok(north), Ok(east)) if fits(latitude, longitude) => Ok(Point { latitude: north, longitude: east }),
        _ if fits(longitude, latitude) => Err(Reason::Swapped(quote(text))),
        _ => Err(wrong()),
    }
}

/// A decimal number times ten to the `places`; further digits are cut off.
fn scaled(text: &str, places: usize) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || fraction.len() > 20 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let kept = &fraction[..fraction.len().min(places)];
    let scale = |digits: &str, zeros: usize| {
        Some(if digits.is_empty() { 0 } else { digits.parse::<i64>().ok()? } * 10_i64.pow(u32::try_from(zeros).ok()?))
    };
    let value = scale(whole, places)? + scale(kept, places - kept.len())?;
    Some(if negative { -value } else { value })
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{}", Degrees(self.latitude), Degrees(self.longitude))
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}.{:03}", self.centre, self.radius_metres / 1_000, self.radius_metres % 1_000)
    }
}

struct Degrees(i32);

impl fmt::Display for Degrees {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (i64::from(self.0).abs() / UNIT, i64::from(self.0).abs() % UNIT);
        let fraction = format!("{rest:07}");
        let fraction = fraction.trim_end_matches('0');
        let fraction = if fraction.is_empty() { "0" } else { fraction };
        write!(formatter, "{sign}{whole}.{fraction}")
    }
}

/// Whether a closed polygon crosses or touches itself. `budget` is how many pairs of edges may still be looked at; `None`
/// when it does not suffice.
pub(super) fn crosses_itself(points: &[Point], budget: &mut usize) -> Option<bool> {
    let edges: Vec<(Point, Point)> =
        points.windows(2).map(|pair| (pair[0], pair[1])).filter(|edge| edge.0 != edge.1).collect();
    let pairs = edges.len().saturating_mul(edges.len()) / 2;
    *budget = budget.checked_sub(pairs)?;
    let last = edges.len().saturating_sub(1);
    for (place, one) in edges.iter().enumerate() {
        for (other_place, other) in edges.iter().enumerate().skip(place + 1) {
            let neighbours = other_place == place + 1 || (place == 0 && other_place == last);
            if apart(*one, *other) {
                continue;
            }
            if if neighbours { folds_back(*one, *other) } else { meet(*one, *other) } {
                return Some(true);
            }
        }
    }
    Some(false)
}

type Edge = (Point, Point);

/// Whether the boxes around two edges do not even touch.
fn apart(one: Edge, other: Edge) -> bool {
    let range = |edge: Edge, part: fn(Point) -> i32| {
        let (from, to) = (part(edge.0), part(edge.1));
        (from.min(to), from.max(to))
    };
    [|point: Point| point.latitude, |point: Point| point.longitude].into_iter().any(|part| {
        let ((low, high), (other_low, other_high)) = (range(one, part), range(other, part));
        high < other_low || other_high < low
    })
}

/// On which side of the line from `from` to `to` a point lies.
fn side(from: Point, to: Point, point: Point) -> i128 {
    let part = |one: i32, other: i32| i128::from(one) - i128::from(other);
    (part(to.longitude, from.longitude) * part(point.latitude, from.latitude)
        - part(to.latitude, from.latitude) * part(point.longitude, from.longitude))
    .signum()
}

/// Whether two edges whose boxes touch have a point in common.
fn meet(one: Edge, other: Edge) -> bool {
    side(one.0, one.1, other.0) * side(one.0, one.1, other.1) <= 0
        && side(other.0, other.1, one.0) * side(other.0, other.1, one.1) <= 0
}

/// Whether an edge goes back over its neighbour: both lie on one line and run against each other.
fn folds_back(one: Edge, other: Edge) -> bool {
    let (shared, far, other_far) = if one.1 == other.0 {
        (one.1, one.0, other.1)
    } else if one.0 == other.1 {
        (one.0, one.1, other.0)
    } else {
        return meet(one, other);
    };
    let along = |point: Point| {
        let part = |of: fn(Point) -> i32| i128::from(of(point)) - i128::from(of(shared));
        (part(|point| point.longitude), part(|point| point.latitude))
    };
    let (a, b) = (along(far), along(other_far));
    side(shared, far, other_far) == 0 && a.0 * b.0 + a.1 * b.1 > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crosses(text: &str) -> Option<bool> {
        crosses_itself(&polygon(text).expect("a polygon"), &mut 1_000)
    }

    #[test]
    fn a_polygon_that_crosses_itself_is_noticed() {
        assert_eq!(crosses("0,0 0,1 1,1 1,0 0,0"), Some(false));
        assert_eq!(crosses("0,0 1,1 0,1 1,0 0,0"), Some(true), "a bow tie");
        assert_eq!(crosses("0,0 0,2 0,1 1,1 0,0"), Some(true), "an edge goes back over its neighbour");
        assert_eq!(crosses("0,0 0,2 2,2 2,1 0,1 2,0 0,0"), Some(true), "a corner touches an edge");
        assert_eq!(crosses("0,0 0,0 0,1 1,1 1,1 1,0 0,0"), Some(false), "points given twice are no crossing");
        assert_eq!(crosses_itself(&polygon("0,0 0,1 1,1 1,0 0,0").expect("a polygon"), &mut 3), None);
    }

    #[test]
    fn points_are_read_exactly_and_in_their_order() {
        let points = polygon("34.97,113.42\n 34.97,113.86 -34.62,+113.86 34.97,113.42").expect("a polygon");
        assert_eq!(points[2].to_string(), "-34.62,113.86");
        assert_eq!(points.len(), 4);
        assert_eq!(polygon("113.42,34.97 1,1 2,2 113.42,34.97"), Err(Reason::Swapped("113.42,34.97".into())));
        assert_eq!(circle("24.70,118.60 150.0").map(|circle| circle.to_string()), Ok("24.7,118.6 150.000".into()));
        for wrong in ["", "1,1", "1,1 2,2 3,3 4,4", "1;1 2;2 3;3 1;1", "1e1,1 2,2 3,3 1e1,1", "95,190 1,1 2,2 95,190"] {
            assert!(polygon(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_box_tells_swapped_points_where_both_readings_are_possible() {
        let bounds = Bounds { south: 18, north: 54, west: 73, east: 136 };
        let points = polygon("80,40 80,41 81,41 80,40").expect("a polygon");
        assert!(bounds.swapped(points[0]));
        assert!(!bounds.swapped(Point { latitude: points[0].longitude, longitude: points[0].latitude }));
    }
}
