//! 256 questions that are always the same: floods and roads in the words of the field, made from a seed.
//!
//! Nothing here is drawn at random when it runs. What a reporter would not know is unknown in some questions and absent
//! in others.

use muster_kernel::act::{Figure, Party};
use muster_kernel::role::escalation::{Matter, Occasion, Question};
use muster_kernel::role::{IncidentView, ResponseView};
use muster_kernel::value::Attribute;
use muster_kernel::{Event, FigureStage, Instant, Level, Mode, RiskStage, Value};

/// How many questions there are.
pub const QUESTIONS: usize = 256;
const SEED: u64 = 20_210_720;
/// 2021-07-20 17:00 in UTC+8.
const NOW: i64 = 1_626_771_600_000;
const MINUTE: i64 = 60_000;
const CITY: &str = "990100";
const STREETS: [&str; 4] = ["990103901", "990103902", "990104901", "990104902"];
const LEVELS: [Level; 4] = [Level::One, Level::Two, Level::Three, Level::Four];

/// Where the rules' answers turn.
pub const THRESHOLDS: [(&str, i64); 20] = [
    ("depth_cm", 10),
    ("depth_cm", 15),
    ("depth_cm", 20),
    ("depth_cm", 27),
    ("depth_cm", 30),
    ("depth_cm", 50),
    ("rain_mm", 30),
    ("rain_mm", 50),
    ("rain_mm", 100),
    ("river_over_cm", 0),
    ("river_over_cm", 50),
    ("pumps_running", 2),
    ("trapped", 1),
    ("trapped", 10),
    ("lanes_blocked", 1),
    ("lanes_blocked", 2),
    ("vehicles", 3),
    ("vehicles", 5),
    ("visibility_m", 200),
    ("wind_level", 8),
];

/// The questions, in an order that never changes.
pub fn questions() -> Vec<Question> {
    let mut dice = Dice(SEED);
    (0..QUESTIONS).map(|number| question(&mut dice, number)).collect()
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..end`.
    fn below(&mut self, end: i64) -> i64 {
        i64::try_from(self.next() % end.unsigned_abs()).unwrap_or(0)
    }

    /// True so many times in a hundred.
    fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = usize::try_from(self.below(from.len() as i64)).unwrap_or(0);
        from[index]
    }
}

/// The attributes of an event while they are drawn.
struct Data<'a> {
    dice: &'a mut Dice,
    attributes: Vec<Attribute>,
}

impl Data<'_> {
    /// Known so many times in a hundred; of the rest, half is reported as unknown and half not reported.
    fn add(&mut self, key: &str, known: i64, draw: impl FnOnce(&mut Dice) -> Value) {
        let value = draw(self.dice);
        if self.dice.chance(known) {
            self.attributes.push(Attribute::new(key, value));
        } else if self.dice.chance(50) {
            self.attributes.push(Attribute::new(key, Value::Unknown));
        }
    }

    /// A number below an end; half of the time just at a threshold of the rules, or one short of it.
    fn number(&mut self, key: &str, known: i64, end: i64) {
        let thresholds = THRESHOLDS.iter().filter(|(of, _)| *of == key).map(|(_, threshold)| *threshold);
        let thresholds: Vec<i64> = thresholds.collect();
        self.add(key, known, |dice| {
            let at = dice.pick(&thresholds) - dice.below(2);
            let anywhere = dice.below(end);
            Value::Integer(if dice.chance(50) { at } else { anywhere })
        });
    }

    fn flag(&mut self, key: &str, known: i64, yes: i64) {
        self.add(key, known, |dice| Value::Flag(dice.chance(yes)));
    }

    fn word(&mut self, key: &str, known: i64, words: &[&str]) {
        self.add(key, known, |dice| Value::Text(dice.pick(words).into()));
    }
}

fn question(dice: &mut Dice, number: usize) -> Question {
    let flood = dice.chance(65);
    let street = dice.pick(&STREETS);
    let event = event(dice, number, flood, street);
    let incident = incident(dice, flood);
    Question {
        now: Instant::from_millis(NOW),
        classification: Some(if flood { "flood" } else { "road" }.into()),
        occasion: Occasion::Event(event.into()),
        matter: Matter::Incident(incident),
    }
}

fn event(dice: &mut Dice, number: usize, flood: bool, street: &str) -> Event {
    let occurred = Instant::from_millis(NOW - dice.below(45) * MINUTE);
    let attributes = if flood { flood_data(dice) } else { road_data(dice) };
    Event {
        id: format!("e-{number}"),
        source: format!("urn:app:grid:{street}:walker-{}", dice.below(9)),
        kind: "gov.muster.signal.reported".into(),
        subject: Some(format!("signal/{}/{street}", if flood { "flood" } else { "road" })),
        occurred,
        recorded: Instant::from_millis(NOW),
        node: street.into(),
        place: street.into(),
        incident: Some(if flood { "flood-1" } else { "road-1" }.into()),
        exercise: false,
        attributes,
    }
}

fn flood_data(dice: &mut Dice) -> Vec<Attribute> {
    let mut data = Data { dice, attributes: Vec::new() };
    data.word("kind", 100, &["ponding", "ponding", "ponding", "river_stage", "rainfall", "landslide"]);
    data.word("place_kind", 90, &["underpass", "underpass", "street", "metro_entrance", "bridge"]);
    data.number("depth_cm", 80, 90);
    data.number("rain_mm", 80, 130);
    data.number("river_over_cm", 45, 110);
    data.number("pumps_running", 70, 4);
    data.number("trapped", 55, 14);
    data.number("vehicles", 40, 9);
    data.number("wind_level", 60, 11);
    data.word("colour", 70, &["yellow", "orange", "red"]);
    data.flag("road_closed", 70, 25);
    data.flag("power_out", 60, 40);
    data.flag("evacuated", 60, 30);
    data.flag("school_near", 70, 40);
    common(&mut data);
    data.attributes
}

fn road_data(dice: &mut Dice) -> Vec<Attribute> {
    let mut data = Data { dice, attributes: Vec::new() };
    data.word("kind", 100, &["collision", "collision", "collision", "road_collapse"]);
    data.word("place_kind", 90, &["bridge", "street", "underpass"]);
    data.number("lanes_blocked", 80, 5);
    data.number("vehicles", 85, 12);
    data.number("visibility_m", 70, 400);
    data.number("trapped", 70, 14);
    data.number("wind_level", 60, 11);
    data.number("rain_mm", 60, 130);
    data.number("depth_cm", 30, 60);
    data.word("colour", 60, &["yellow", "orange", "red"]);
    data.flag("dangerous_goods", 60, 35);
    data.flag("road_closed", 70, 40);
    data.flag("school_near", 50, 40);
    common(&mut data);
    data.attributes
}

/// What every signal carries and no rule reads.
fn common(data: &mut Data<'_>) {
    data.word("place.name", 100, &["柳渠路隧道口", "京广路北口", "Willow Road, north end"]);
    data.word("provenance", 100, &["synthetic"]);
}

fn incident(dice: &mut Dice, flood: bool) -> IncidentView {
    let level = |dice: &mut Dice, known| dice.chance(known).then(|| dice.pick(&LEVELS));
    let (name, hazard) = if flood { ("flood", "rainstorm") } else { ("road", "traffic") };
    let in_force = level(dice, 60);
    let names = ["dead", "missing", "trapped"];
    let figures = names.map(|name| Figure {
        name: name.into(),
        value: dice.chance(75).then(|| dice.below(12)),
        stage: if dice.chance(45) { FigureStage::Provisional } else { FigureStage::Verified },
        as_of: Instant::from_millis(NOW - dice.below(90) * MINUTE),
        source: format!("urn:org:cn:{CITY}:rescue"),
    });
    IncidentView {
        id: format!("{name}-1").as_str().into(),
        name: name.into(),
        names: vec![name.into()],
        scheme: name.into(),
        hazard: hazard.into(),
        node: CITY.into(),
        opened: Instant::from_millis(NOW - 300 * MINUTE),
        stage: dice.pick(&[RiskStage::Prevent, RiskStage::Prevent, RiskStage::Control, RiskStage::Treat]),
        mode: if dice.chance(50) { Mode::Emergency } else { Mode::Normal },
        life_safety: dice.chance(40),
        response: ResponseView {
            scheme: name.into(),
            node: CITY.into(),
            recommended: level(dice, 30),
            in_force,
            since: in_force.map(|_| Instant::from_millis(NOW - 60 * MINUTE)),
            ordered: dice.chance(50),
        },
        floor: level(dice, 30),
        figures: figures.into(),
        parent: None,
        tags: if dice.chance(35) { vec!["city".into(), "tunnel".into()] } else { vec!["city".into()] },
        commander: Some(Party::Post { node: CITY.into(), name: "commander".into() }),
        hazard_cleared: dice.chance(10),
        projected_end: Some(Instant::from_millis(NOW + 240 * MINUTE)),
    }
}
