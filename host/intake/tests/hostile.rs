//! What hostile messages cost: bytes that are allocated, counted from the first to the last, and things that the XML
//! reader meets. The time is printed; no test judges by it.
#![expect(unsafe_code, reason = "an allocator is unsafe by its nature; this one only counts and hands on")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;

use common::{adapter, at, sample, text};
use muster_intake::cap::{Cap, XML_EVENTS_MAX};
use muster_intake::{Moment, Nothing};

/// The most that one message may make this crate allocate, in sum: 1 MiB.
const ALLOCATED_MAX: usize = 1 << 20;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

struct Counted;

// SAFETY: every call is handed on to the system's allocator unchanged; counting touches a number of this thread only.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ended = ALLOCATED.try_with(|sum| sum.set(sum.get() + layout.size()));
        // SAFETY: the caller keeps to the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`, and `place` came from the system's allocator.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // A list that grows in place is new memory only for what it grew by; all of it is counted, to be on the safe side.
        let _ended = ALLOCATED.try_with(|sum| sum.set(sum.get() + size));
        // SAFETY: the caller keeps to the contract of `realloc`, which is the system's.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// The strict sample with one thing changed.
fn with(from: &str, to: &str) -> Vec<u8> {
    text("rainstorm-red.xml").replacen(from, to, 1).into_bytes()
}

fn filled(piece: &str) -> String {
    piece.repeat(200_000 / piece.len())
}

const POLYGON: &str = "34.9700,113.4200 34.9700,113.8600 34.6200,113.8600 34.6200,113.4200 34.9700,113.4200";

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let spiral: String = (0..2_000).fold(String::new(), |mut points, number| {
        write!(points, "{}.{:04},113.{:04} ", 34, number * 4 % 10_000, number * 7 % 10_000).expect("text");
        points
    });
    let prefixes: String = (0..5_000).fold(String::new(), |mut all, number| {
        write!(all, " xmlns:p{number}=\"urn:{number}\"").expect("text");
        all
    });
    let attributes: String = (0..8_000).fold(String::new(), |mut all, number| {
        write!(all, " a{number}=\"{number}\"").expect("text");
        all
    });
    let geocodes: String = (0..500).fold(String::new(), |mut all, number| {
        write!(all, "<geocode><valueName>GB/T2260</valueName><value>98{number:04}</value></geocode>").expect("text");
        all
    });
    let references = (0..3_000).fold(String::new(), |mut all, number| {
        write!(all, "99,m{number},2021-07-19T20:00:00+08:00 ").expect("text");
        all
    });
    let deep = format!("<alert>{}", "<a>".repeat(80_000));
    vec![
        ("a billion laughs", sample("billion-laughs.xml")),
        ("a declaration behind much space", with("<alert", &format!("{}<!DOCTYPE a><alert", filled(" ")))),
        ("nothing but starts of declarations", filled("<!").into_bytes()),
        ("deep nesting", deep.into_bytes()),
        ("deep nesting inside", with("<contact>", &format!("<contact>{}", filled("<a>")))),
        ("a huge polygon", with(POLYGON, &filled("34,113 "))),
        ("a polygon that crosses itself everywhere", with(POLYGON, &format!("{spiral}34.0000,113.0000"))),
        ("many small elements", with("<contact>", &format!("{}<contact>", filled("<a/>")))),
        ("many infos", with("<info>", &format!("{}<info>", filled("<info/>")))),
        ("many references to letters", with("<contact>", &format!("<contact>{}", filled("&amp;")))),
        ("many comments", with("<contact>", &format!("<contact>{}", filled("<!---->")))),
        ("many pieces of character data", with("<contact>", &format!("<contact>{}", filled("<![CDATA[x]]>")))),
        ("many processing instructions", with("<contact>", &format!("<contact>{}", filled("<?x?>")))),
        ("many namespaces", with("<info>", &format!("<info{prefixes}>"))),
        ("many attributes", with("<info>", &format!("<info{attributes}>"))),
        ("one long name", with("<contact>", &format!("<{}><contact>", filled("x")))),
        ("one long end", with("<contact>", &format!("<contact></{}>", filled("x")))),
        ("one long prefix", with("<contact>", &format!("<{}:a><contact>", filled("x")))),
        ("one long reference", with("<contact>", &format!("<contact>&{};", filled("x")))),
        ("one long attribute", with("<contact>", &format!("<contact {}>", filled("x")))),
        ("one long namespace", with("<contact>", &format!("<contact xmlns=\"{}\">", filled("x")))),
        ("one long text", with("<contact>", &format!("<contact>{}", filled("x")))),
        ("lines", with("<contact>", &format!("<contact>{}", filled("\n")))),
        ("carriage returns", with("<contact>", &format!("<contact>{}", filled("\r\n")))),
        ("many places", with("<geocode>", &format!("{geocodes}<geocode>"))),
        ("long texts for many places", {
            let message = with("<geocode>", &format!("{}<geocode>", &geocodes[..geocodes.len() / 5]));
            let message = String::from_utf8(message).expect("UTF-8");
            message.replacen("<instruction>", &format!("<instruction>{}", "x".repeat(60_000)), 1).into_bytes()
        }),
        ("many references", {
            let named = format!("<scope>Public</scope><references>{references}</references>");
            let message = String::from_utf8(with("<scope>Public</scope>", &named)).expect("UTF-8");
            message.replacen("<msgType>Alert", "<msgType>Update", 1).into_bytes()
        }),
        ("too many bytes", vec![b'<'; 10 << 20]),
        ("not text", vec![0xff; 200_000]),
        ("zeros", vec![0; 200_000]),
    ]
}

#[test]
fn no_message_costs_more_than_its_bound() {
    let (weather, office) = (adapter("weather"), adapter("office"));
    let moment = Moment { now: at("2021-07-19T22:00:00+08:00"), earlier: &Nothing };
    let mut said = String::new();
    for (name, bytes) in hostile() {
        for (source, adapter) in [("strict", &weather), ("default node", &office)] {
            let started = std::time::Instant::now();
            let before = ALLOCATED.get();
            let outcome = adapter.read(&bytes, &moment);
            let allocated = ALLOCATED.get() - before;
            let took = started.elapsed();
            let outcome = outcome
                .map_or_else(|refusal| refusal.reason.code().to_owned(), |items| format!("{} events", items.len()));
            let (read, met) = (bytes.len(), Cap::xml_events(&bytes));
            writeln!(
                said,
                "{name} ({source}): {outcome}; {read} bytes, {met} XML events, {allocated} bytes allocated, {took:?}"
            )
            .expect("text");
            assert!(allocated <= ALLOCATED_MAX, "{name} ({source}) made it allocate {allocated} bytes: {outcome}");
        }
        // What the reader meets is bounded whatever comes: at the first that is beyond the bound it stops.
        let met = Cap::xml_events(&bytes);
        assert!(met <= XML_EVENTS_MAX + 1, "{name}: {met} XML events");
    }
    println!("{said}");
}

#[test]
fn the_samples_cost_at_most_32_times_their_bytes() {
    let moment = Moment { now: at("2026-03-14T09:06:00+08:00"), earlier: &Nothing };
    for (source, name) in
        [("weather", "rainstorm-red.xml"), ("office", "gas-leak-languages.xml"), ("national", "china-12379.xml")]
    {
        let (adapter, bytes) = (adapter(source), sample(name));
        let before = ALLOCATED.get();
        let outcome = adapter.read(&bytes, &moment);
        let allocated = ALLOCATED.get() - before;
        outcome.expect("a message");
        println!("{name}: {} bytes allocated for {} read", allocated, bytes.len());
        assert!(allocated <= 32 * bytes.len(), "{name} made it allocate {allocated} bytes");
    }
}
