//! Reward: points for verified service, from the rates and caps of the settings.
//!
//! Points are whole numbers for each head, rounded down once, then times the heads.

use muster_sdk::incentives::{Award, Currency, Service};
use muster_sdk::{HOUR, Incentives, MINUTE, Mode, because, settings};

struct ServicePoints;

impl Incentives for ServicePoints {
    fn settle(_now: i64, service: Service) -> Vec<Award> {
        let day_max = settings::integer("hours_per_day_max") * HOUR;
        let left_today = (day_max - service.settled_today).max(0);
        let served = (service.ended - service.started).clamp(0, left_today);
        let Some(to) = service.team.as_ref().or(service.person.as_ref()) else { return Vec::new() };
        let rate = rate(&service);
        let per_head = served * rate.points_per_hour * rate.permille / (HOUR * 1_000);
        if per_head == 0 {
            return Vec::new();
        }
        let (hours, minutes) = (served / HOUR, served % HOUR / MINUTE);
        let heads = i64::from(service.headcount);
        vec![Award {
            to: to.clone(),
            currency: Currency::Points,
            amount: per_head * heads,
            per_head,
            because: because(
                "V",
                format!(
                    "{heads} 人 × {hours} 小时 {minutes} 分 × 每小时 {} 分 × 系数 {} = 每人 {per_head} 分",
                    rate.points_per_hour,
                    factor(rate.permille)
                ),
                format!(
                    "{heads} heads × {hours} h {minutes} min × {} points/h × factor {} = {per_head} points each",
                    rate.points_per_hour,
                    factor(rate.permille)
                ),
            ),
        }]
    }
}

muster_sdk::policy! { incentives: ServicePoints }

struct Rate {
    points_per_hour: i64,
    permille: i64,
}

/// A drill has a rate of its own and no factors; real service is multiplied, up to the cap of the product.
fn rate(service: &Service) -> Rate {
    if service.exercise {
        return Rate { points_per_hour: settings::integer("drill_points_per_hour"), permille: 1_000 };
    }
    let emergency = match service.mode {
        Mode::Emergency => settings::integer("emergency_permille"),
        Mode::Normal => 1_000,
    };
    let hazardous = if service.hazardous { settings::integer("hazardous_permille") } else { 1_000 };
    let permille = (emergency * hazardous / 1_000).min(settings::integer("product_max_permille"));
    Rate { points_per_hour: settings::integer("points_per_hour"), permille }
}

fn factor(permille: i64) -> String {
    format!("{}.{:03}", permille / 1_000, permille % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_sdk::testing::Harness;

    fn settings() -> Harness {
        Harness::new()
            .integer("hours_per_day_max", 12)
            .integer("points_per_hour", 10)
            .integer("drill_points_per_hour", 5)
            .integer("emergency_permille", 2_000)
            .integer("hazardous_permille", 1_500)
            .integer("product_max_permille", 3_000)
    }

    fn service(hours: i64, headcount: u32) -> Service {
        Service {
            id: "s".into(),
            team: Some("team".into()),
            person: None,
            headcount,
            started: 0,
            ended: hours * HOUR,
            task: None,
            incident: None,
            hazardous: false,
            mode: Mode::Normal,
            exercise: false,
            verified_by: Some("someone else".into()),
            settled_today: 0,
        }
    }

    fn points(service: Service) -> i64 {
        settings().run(|| ServicePoints::settle(0, service)).0.iter().map(|award| award.amount).sum()
    }

    #[test]
    fn factors_multiply_up_to_the_cap() {
        assert_eq!(points(service(4, 3)), 120);
        let hazardous = Service { hazardous: true, mode: Mode::Emergency, ..service(4, 46) };
        assert_eq!(points(hazardous), 5_520);
    }

    #[test]
    fn a_day_has_a_cap_and_a_drill_its_own_rate() {
        assert_eq!(points(service(20, 1)), 120);
        assert_eq!(points(Service { settled_today: 11 * HOUR, ..service(4, 1) }), 10);
        assert_eq!(points(Service { settled_today: 12 * HOUR, ..service(4, 1) }), 0);
        assert_eq!(points(Service { exercise: true, mode: Mode::Emergency, ..service(4, 1) }), 20);
    }
}
