//! What hands slip on, as an operator would write it: right files, wrong ones, and those that only the reader can refuse.

use super::{judged, read, taken};

const ISSUER: &str = "[[access.oidc]]\nissuer = \"https://id\"\naudience = [\"muster\"]\n";
const MACHINE: &str = "[tls]\ncertificate = \"a.pem\"\nkey = \"env:KEY\"\nclient_roots = \"b.pem\"\n\
                       [[access.client_certificate]]\nsubject = \"gauge\"\n";
const TLS: &str = "[tls]\ncertificate = \"a.pem\"\n";
const RECIPIENT: &str = "[[outbox.subscription]]\nrecipient = \"desk\"\nfacts = [\"*\"]\n\
                         [[outbox.recipient]]\nname = \"desk\"\nlanguage = \"zh\"\n";
const CHANNEL: &str = "[[outbox.recipient.channel]]\nname = \"hook\"\n";
const SOURCE: &str = "[intake.weather]\nsource = \"urn:w\"\n";
const MAPPED: &str = "[intake.gauges]\nsource = \"urn:g\"\nformat = \"json_lines\"\n";
const BROKER: &str = "[mqtt.sensors]\nbroker = \"127.0.0.1\"\nclient_id = \"muster\"\nsource = \"urn:iot\"\n";
const TOPIC: &str = "[[mqtt.sensors.topic]]\nmapping = { kind = \"k\", id = [\"*\"], place = { node = \"1\" } }\n";

#[test]
fn right_files_are_taken_by_both() {
    let right = [
        String::new(),
        "data = \"d\"\ndistricts = []\n".to_owned(),
        "listen = \"0.0.0.0:443\"\n".to_owned(),
        "listen = \"[fe80::1%2]:443\"\n".to_owned(),
        format!("{ISSUER}keys = \"file:keys.json\"\n"),
        format!("{ISSUER}keys = \"http://localhost:8080/jwks\"\n"),
        format!("{ISSUER}keys = \"http://[::1]/jwks\"\n"),
        format!("{MACHINE}certificate = \"subject:CN=gauge\"\nbindings = [{{ role = \"operator\" }}]\n"),
        format!("{TLS}key = \"file:a b.key\"\nminimum_version = \"1.2\"\n"),
        format!("{RECIPIENT}{CHANNEL}webhook = {{ url = \"https://a.example?x=a@b\", secrets = [\"env:A\"] }}\n"),
        format!(
            "{RECIPIENT}{CHANNEL}mail = {{ host = \"m\", port = 25, encryption = \"none\", \
             from = \"Muster <muster@example.org>\", to = [\"a@b.org\"] }}\n"
        ),
        "[traces]\nendpoint = \"https://collector\"\n".to_owned(),
        format!("{SOURCE}format = \"cap\"\ncap.senders = [\"a\", \"a\"]\n"),
        format!("{SOURCE}format = \"cap\"\ncolours = {{ \"eventCode:list:7:8\" = \"yellow\" }}\n"),
        "[intake.\"a.b-c_1\"]\nformat = \"cloudevents\"\nsource = \"\"\n".to_owned(),
        format!("{MAPPED}mapping = {{ kind = \"雨\", id = [\"a\"], place = {{ field = \"a.b\" }} }}\n"),
        format!("{BROKER}{TOPIC}pattern = \"/{{area}}//level\"\n"),
    ];
    for text in right {
        assert!(taken("a right file", &text), "{:?}\n{text}", read(&text));
    }
}

#[test]
fn wrong_files_are_refused_by_both() {
    let long = "x".repeat(257);
    let wrong = [
        // A field that is not known.
        "lisen = \"127.0.0.1:1\"\n".to_owned(),
        "[connections]\nmax = 5\n".to_owned(),
        "[access]\npublic = true\n".to_owned(),
        format!("{ISSUER}keys = \"file:k\"\nclient = \"x\"\n"),
        format!("{TLS}key = \"env:K\"\nciphers = \"all\"\n"),
        "[traces]\nendpoint = \"http://c\"\nheaders = {}\n".to_owned(),
        "[outbox]\nrecipients = []\n".to_owned(),
        format!("{SOURCE}format = \"cap\"\nsources = \"x\"\n"),
        format!("{BROKER}{TOPIC}pattern = \"a\"\nqos = 2\n"),
        // A number that cannot be.
        "segment_mebibytes = 0\n".to_owned(),
        "[connections]\nhead_bytes = 1048577\n".to_owned(),
        "[access]\ntoken_days_max = 4000\n".to_owned(),
        "[access]\nsecond_person.persons.release_policy = 1\n".to_owned(),
        "[outbox.limits]\nworkers = 65\n".to_owned(),
        format!("{SOURCE}format = \"cap\"\ncap.valid_hours = 0\n"),
        "shards = -1\n".to_owned(),
        // A secret, written out.
        format!("{TLS}key = \"-----BEGIN PRIVATE KEY-----\"\n"),
        format!("{TLS}key = \"env:A=B\"\n"),
        "[traces]\nendpoint = \"http://c\"\ntoken = \"hush\"\n".to_owned(),
        format!("{BROKER}username = \"u\"\npassword = \"hush\"\n{TOPIC}pattern = \"a\"\n"),
        format!("{RECIPIENT}{CHANNEL}dingtalk.token = \"hush\"\n"),
        format!("{RECIPIENT}{CHANNEL}webhook = {{ url = \"https://a\", secrets = [\"whsec_aHVzaA==\"] }}\n"),
        format!("{RECIPIENT}{CHANNEL}webhook = {{ url = \"https://u:hush@a\", secrets = [\"env:A\"] }}\n"),
        // Something that must be there.
        format!("{ISSUER}\n"),
        format!("{TLS}\n"),
        format!("{MACHINE}certificate = \"dns:a\"\nbindings = []\n"),
        "[traces]\npermille = 5\n".to_owned(),
        format!("{RECIPIENT}\n"),
        format!("{RECIPIENT}channel = []\n"),
        format!("{SOURCE}\n"),
        format!("{MAPPED}mapping = {{ kind = \"k\", id = [], place = {{ node = \"1\" }} }}\n"),
        format!("{BROKER}\n"),
        format!("{BROKER}topic = []\n"),
        // A word that is none.
        format!("{SOURCE}format = \"telex\"\n"),
        format!("{TLS}key = \"env:K\"\nminimum_version = \"1.1\"\n"),
        format!("{MACHINE}certificate = \"dns:a\"\nbindings = [{{ role = \"mayor\" }}]\n"),
        "[access]\nsecond_person.persons.release_police = 2\n".to_owned(),
        "[outbox]\nallow_addresses = [\"special\"]\n".to_owned(),
        format!("{SOURCE}format = \"cap\"\ncolours = {{ \"severity:Severe\" = \"purple\" }}\n"),
        RECIPIENT.replace("\"*\"", "\"call.*\"") + CHANNEL + "wecom.token = \"env:A\"\n",
        RECIPIENT.replace("zh", "cn") + CHANNEL + "wecom.token = \"env:A\"\n",
        // A text that is not what the field wants.
        "listen = \"here\"\n".to_owned(),
        format!("{ISSUER}keys = \"http://id.example/jwks\"\n"),
        format!("{ISSUER}keys = \"http://localhost.example/jwks\"\n"),
        format!("{ISSUER}keys = \"file:\"\n"),
        ISSUER.replace("\"muster\"", "\"\"") + "keys = \"file:k\"\n",
        format!("{MACHINE}certificate = \"gauge\"\nbindings = [{{ role = \"operator\" }}]\n"),
        MACHINE.replace("\"gauge\"", "\" gauge\"") + "certificate = \"dns:a\"\nbindings = [{ role = \"operator\" }]\n",
        MACHINE.replace("\"gauge\"", "\"a\\u200bb\"")
            + "certificate = \"dns:a\"\nbindings = [{ role = \"operator\" }]\n",
        format!(
            "{MACHINE}certificate = \"dns:a\"\nbindings = [{{ role = \"reporter\", district = \"a.exercise\" }}]\n"
        ),
        "[traces]\nendpoint = \"collector:4318\"\n".to_owned(),
        RECIPIENT.replace("\"desk\"", "\"a/b\"") + CHANNEL + "wecom.token = \"env:A\"\n",
        format!("{RECIPIENT}{CHANNEL}webhook = {{ url = \"ftp://a\", secrets = [\"env:A\"] }}\n"),
        RECIPIENT.replace("facts", "parties = [\"person:7\"]\nfacts") + CHANNEL + "wecom.token = \"env:A\"\n",
        "[outbox.template]\nsubject_zh = \"a\\nb\"\n".to_owned()
            + &RECIPIENT.replace("desk", "d")
            + CHANNEL
            + "wecom.token = \"env:A\"\n",
        "[intake.\"a b\"]\nsource = \"s\"\nformat = \"cap\"\n".to_owned(),
        format!("{SOURCE}format = \"cap\"\ncolours = {{ \"Severe\" = \"red\" }}\n"),
        format!("{SOURCE}format = \"cap\"\ndistrict = \"\"\n"),
        format!("{SOURCE}format = \"cap\"\ndefault_node = \"{long}\"\n"),
        format!("{SOURCE}format = \"cap\"\ngeocodes.list = {{ \"\" = \"1\" }}\n"),
        format!(
            "{MAPPED}mapping = {{ kind = \"k\", id = [\"*\"], place = {{ node = \"1\" }}, fields.kind.field = \"a\" }}\n"
        ),
        format!("{BROKER}{TOPIC}pattern = \"city/{{area\"\n"),
        format!("{BROKER}{TOPIC}pattern = \"city/#\"\n"),
        format!("{BROKER}{TOPIC}pattern = \"\"\n"),
        BROKER.replace("\"muster\"", "\"\"") + TOPIC + "pattern = \"a\"\n",
    ];
    for text in wrong {
        assert!(!taken("a wrong file", &text), "\n{text}");
    }
}

#[test]
fn what_goes_across_fields_only_the_reader_can_refuse() {
    let binding = |binding: &str| format!("{MACHINE}certificate = \"dns:a\"\nbindings = [{{ {binding} }}]\n");
    let group =
        |mapping: &str| format!("{ISSUER}keys = \"file:k\"\n[[access.oidc.mapping]]\nclaim = \"g\"\n{mapping}\n");
    let hook = "wecom.token = \"env:A\"\n";
    let parted = [
        ("a number with a point is whole to a schema when nothing follows the point", "shards = 1.0\n".to_owned()),
        (
            "an issuer stands once, with a prefix of its own",
            format!("{ISSUER}keys = \"file:k\"\n{ISSUER}keys = \"file:l\"\n"),
        ),
        ("a role of the host has no place", binding("role = \"operator\", district = \"a\"")),
        ("a role of a district has one", binding("role = \"reporter\"")),
        ("`{node}` gives the node, or it is not there", group("value = \"{node}\"\nbinding = { role = \"operator\" }")),
        ("client certificates need roots", format!("{TLS}key = \"env:K\"\nclient_certificates = \"required\"\n")),
        ("the whole takes as long as its parts", "[outbox.timeouts]\ntotal_milliseconds = 10\n".to_owned()),
        ("a channel has one way", format!("{RECIPIENT}{CHANNEL}{hook}feishu.token = \"env:A\"\n")),
        ("and not none", format!("{RECIPIENT}{CHANNEL}")),
        ("WeCom does not sign", format!("{RECIPIENT}{CHANNEL}{hook}wecom.secret = \"env:A\"\n")),
        ("who subscribes is a recipient", RECIPIENT.replacen("\"desk\"", "\"desc\"", 1) + CHANNEL + hook),
        (
            "what a text may speak of",
            format!("[outbox.template]\ntext_zh = \"{{nonesuch}}\"\n{RECIPIENT}{CHANNEL}{hook}"),
        ),
        (
            "no password goes in the clear",
            format!(
                "{RECIPIENT}{CHANNEL}mail = {{ host = \"m\", port = 25, encryption = \"none\", from = \"a@b.org\", \
                 to = [\"a@b.org\"], user = \"u\", password = \"env:A\" }}\n"
            ),
        ),
        ("a source says as whom it speaks", "[intake.weather]\nformat = \"cap\"\n".to_owned()),
        ("but for CloudEvents", format!("{SOURCE}format = \"cloudevents\"\n")),
        ("nothing is set in vain", format!("{SOURCE}format = \"cap\"\nalertmanager = {{}}\n")),
        ("JSON lines have a mapping", MAPPED.to_owned()),
        ("an alert belongs somewhere", format!("{SOURCE}format = \"alertmanager\"\n")),
        ("a box has an inside", {
            format!("{SOURCE}format = \"cap\"\ncap.bounds = {{ south = 2, north = 1, west = 1, east = 2 }}\n")
        }),
        ("`=` goes with `*`", format!("{SOURCE}format = \"cap\"\ngeocodes.list = {{ a = \"=\" }}\n")),
        ("the whole object stands alone", {
            format!("{MAPPED}mapping = {{ kind = \"k\", id = [\"*\", \"a\"], place = {{ node = \"1\" }} }}\n")
        }),
        ("a place is said once", format!("{MAPPED}mapping = {{ kind = \"k\", id = [\"*\"], place = {{}} }}\n")),
        ("a password is somebody's", format!("{BROKER}password = \"env:A\"\n{TOPIC}pattern = \"a\"\n")),
        ("a part of a topic is named once", format!("{BROKER}{TOPIC}pattern = \"{{a}}/{{a}}\"\n")),
        (
            "a letter may be more than one byte",
            format!("{SOURCE}format = \"cap\"\ndistrict = \"{}\"\n", "雨".repeat(100)),
        ),
    ];
    for (rule, text) in parted {
        assert_eq!(
            judged(&text),
            Ok(()),
            "{rule}: the schema can say it after all; move it to the wrong files\n{text}"
        );
        assert!(read(&text).is_err(), "{rule}: nothing refuses it\n{text}");
    }
}
