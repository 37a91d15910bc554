//! What overrules what, and what is said of a file that is wrong.

use std::path::{Path, PathBuf};

use super::*;

fn serve() -> Serve {
    Serve::default()
}

fn nothing(_: &str) -> Option<String> {
    None
}

/// A folder with a `muster.toml`, and what became of it.
fn of_file(text: &str, serve: Serve, variable: impl Fn(&str) -> Option<String>) -> Result<Configuration, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(FILE);
    std::fs::write(&path, text).expect("written");
    let serve = Serve { config: Some(path), ..serve };
    let place = folder.path().display().to_string();
    Configuration::of(&serve, variable).map_err(|error| format!("{error:#}").replace(&place, "/etc/muster"))
}

/// A broker; what follows it belongs to it.
fn broker(name: &str) -> String {
    format!(
        "[mqtt.{name}]\nbroker = \"127.0.0.1\"\nclient_id = \"muster\"\nsource = \"urn:iot\"\n\
         topic = [{{ pattern = \"city/{{area}}\", mapping = {{ kind = \"k\", id = [\"*\"], place = {{ node = \"1\" }} }} }}]\n"
    )
}

const LEAST: &str = "data = \"data\"\ndistricts = [\"a\", \"b\"]\n";

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let text = format!("{LEAST}listen = \"127.0.0.1:1\"\nshards = 1\nlow_space_mebibytes = 1\n");
    let variable = |name: &str| match name {
        "MUSTER_LISTEN" => Some("127.0.0.1:2".to_owned()),
        "MUSTER_SHARDS" => Some("2".to_owned()),
        "MUSTER_DISTRICTS" => Some("/x:/y".to_owned()),
        _ => None,
    };
    let flags = Serve { shards: Some(3), ..serve() };
    let merged = of_file(&text, flags, variable).expect("valid");
    assert_eq!(merged.listen, "127.0.0.1:2".parse().expect("an address"));
    assert_eq!((merged.shards, merged.low_space_mebibytes), (3, 1));
    assert_eq!(merged.districts, [PathBuf::from("/x"), PathBuf::from("/y")]);
    assert!(merged.data.ends_with("data") && merged.data.is_absolute(), "relative to the file: {:?}", merged.data);
}

#[test]
fn a_file_opens_nothing_by_itself_and_flags_alone_are_for_developers() {
    assert!(!of_file(LEAST, serve(), nothing).expect("valid").settings.access.development);
    let flags = Serve { data: Some("d".into()), folders: vec!["f".into()], ..serve() };
    let flags = Configuration::of(&flags, nothing).expect("valid");
    assert!(flags.settings.access.development && !flags.settings.access.insecure);
}

#[test]
fn the_sample_is_valid() {
    let read = of_file(&sample(), serve(), nothing).expect("valid");
    assert!(read.districts[0].ends_with(Path::new(SAMPLE_DISTRICT)));
}

#[test]
fn the_samples_sources_and_brokers_are_valid_once_the_marks_are_taken_off() {
    let sample = sample();
    let (_, block) = sample.split_once("# [intake.weather]").expect("a block of sources");
    let lines = block.lines().map(|line| line.strip_prefix("# ").unwrap_or_default());
    // Sentences stand between the tables.
    let lines = lines.filter(|line| !line.starts_with("Sensors over"));
    let text = format!("{LEAST}[intake.weather]\n{}\n", lines.collect::<Vec<_>>().join("\n"));
    let read = of_file(&text, serve(), nothing).expect("valid");
    let (sources, brokers) = (&read.intake.sources, &read.intake.brokers);
    assert_eq!(sources.keys().map(String::as_str).collect::<Vec<_>>(), ["gauges", "monitoring", "weather"]);
    let sensors = brokers.get("sensors").expect("a broker");
    assert_eq!((sensors.client_id.as_str(), sensors.topic.len()), ("muster-mydistrict", 1));
    let password = format!("{:?}", sensors.password);
    assert!(password.starts_with("Some(File(\"/") && password.ends_with("/mqtt.password\"))"), "{password}");
}

/// Recipients with a secret in every place that takes one.
const SECRETS: &str = r#"
[[outbox.recipient]]
name = "duty-desk"
language = "zh"
[[outbox.recipient.channel]]
name = "hook"
webhook = { url = "https://example.org/hook", secrets = ["file:hook.secret", "file:/run/old.secret", "env:HOOK"] }
[[outbox.recipient.channel]]
name = "mail"
mail = { host = "h", port = 465, encryption = "tls", from = "a@b", to = ["c@d"], user = "u", password = "file:mail" }
[[outbox.recipient.channel]]
name = "dingtalk"
dingtalk = { token = "file:ding.token", secret = "file:ding.secret" }
[[outbox.recipient.channel]]
name = "wecom"
wecom = { token = "file:sub/wecom" }
[[outbox.recipient.channel]]
name = "feishu"
feishu = { token = "env:FEISHU", secret = "file:feishu" }
[[outbox.subscription]]
recipient = "duty-desk"
facts = ["*"]
"#;

#[test]
fn secrets_of_the_outbox_lie_beside_the_file_that_names_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, alone) = (folder.path().join(FILE), folder.path().join("alone/outbox.toml"));
    std::fs::create_dir(folder.path().join("alone")).expect("made");
    std::fs::write(&settings, format!("{LEAST}{SECRETS}")).expect("written");
    std::fs::write(&alone, SECRETS).expect("written");
    let at = |flag: Option<PathBuf>, folder: &Path| {
        let flags = Serve { config: Some(settings.clone()), outbox: flag, ..serve() };
        let read = Configuration::of(&flags, nothing).expect("valid").outbox.expect("an outbox");
        let channels = &read.recipient[0].channel;
        let hook = channels[0].webhook.as_ref().expect("a webhook");
        let mail = channels[1].mail.as_ref().expect("a mail").password.clone();
        let bots = [&channels[2].dingtalk, &channels[3].wecom, &channels[4].feishu].into_iter().flatten();
        let bots = bots.flat_map(|bot| [Some(bot.token.clone()), bot.secret.clone()]).flatten();
        let found: Vec<String> = hook.secrets.iter().cloned().chain(mail).chain(bots).collect();
        let names = [
            "file:hook.secret",
            "file:/run/old.secret",
            "env:HOOK",
            "file:mail",
            "file:ding.token",
            "file:ding.secret",
            "file:sub/wecom",
            "env:FEISHU",
            "file:feishu",
        ];
        let expected = names.map(|name| match name.strip_prefix("file:") {
            Some(path) if !path.starts_with('/') => format!("file:{}/{path}", folder.display()),
            _ => name.to_owned(),
        });
        assert_eq!(found, expected);
    };
    at(None, folder.path());
    at(Some(alone.clone()), &folder.path().join("alone"));
}

#[test]
fn what_is_wrong_is_named_with_file_line_and_field() {
    let wrong = [
        format!("{LEAST}lisen = \"127.0.0.1:1\"\n"),
        format!("{LEAST}listen = \"here\"\n"),
        format!("{LEAST}\n[access]\ntoken_days_max = 4000\n"),
        format!(
            "{LEAST}\n[[access.oidc]]\nissuer = \"https://id\"\naudience = []\nkeys = \"file:keys.json\"\n\n[tls]\n\
             certificate = \"host.pem\"\nkey = \"file:host.key\"\n"
        ),
        format!("{LEAST}\n[tls]\ncertificate = \"host.pem\"\nkey = \"hush, a secret\"\n"),
        "districts = [\"a\"]\n".to_owned(),
        format!("{LEAST}[connections]\nhead_bytes = 10\n"),
        format!("{LEAST}[intake.weather]\nformat = \"cap\"\nsource = \"urn:w\"\ncap.valid_hours = 0\n"),
        format!("{LEAST}[intake.weather]\nformat = \"telex\"\n"),
        format!("{LEAST}[intake.weather]\nformat = \"cap\"\n"),
        format!("{LEAST}{}password = \"hush, a secret\"\n", broker("a")),
        format!("{LEAST}{}", broker("a").replace("{area}", "{area")),
        format!("{LEAST}{}{}", broker("a"), broker("b")),
    ];
    let said: Vec<String> = wrong.iter().map(|text| of_file(text, serve(), nothing).expect_err("wrong")).collect();
    assert!(!said.iter().any(|said| said.contains("hush")), "a secret is repeated: {said:?}");
    let expected = [
        "/etc/muster/muster.toml:3: unknown field `lisen`",
        "/etc/muster/muster.toml:3: invalid socket address",
        "/etc/muster/muster.toml:5: `access.token_days_max` is 4000; 1 to 400 are allowed",
        "/etc/muster/muster.toml:6: `access.oidc[0].audience` must name this host",
        "/etc/muster/muster.toml:6: a secret is named as",
        "no data folder is named; write `data` in muster.toml",
        "`connections.head_bytes` is 10; 8192 to 1048576 are allowed",
        "/etc/muster/muster.toml:6: `intake.weather.cap.valid_hours` is not from 1 to 8,784",
        "/etc/muster/muster.toml:4: unknown variant `telex`",
        "/etc/muster/muster.toml:3: `intake.weather.source` is empty; give it a value",
        "/etc/muster/muster.toml:8: a password is named as `file:PATH` or `env:NAME`",
        "/etc/muster/muster.toml:7: `mqtt.a.topic[0].pattern` has the level `{area`",
        "/etc/muster/muster.toml:10: `mqtt.b.client_id` is that of [mqtt.a]",
    ];
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(expected), "expected {expected:?}, got {said:?}");
    }
    let variable = |name: &str| (name == "MUSTER_SHARDS").then(|| "many".to_owned());
    let said = of_file(LEAST, serve(), variable).expect_err("no number");
    assert!(said.contains("MUSTER_SHARDS") && said.contains("many"), "{said}");
}
