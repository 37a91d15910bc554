//! What `muster init` writes: settings with a word on each, and the smallest district that can be served.

/// The folder of the district.
pub(crate) const SAMPLE_DISTRICT: &str = "district";

/// `muster.toml`.
pub(crate) fn sample() -> String {
    r#"# How this host is run. Paths are relative to this file. The environment overrules it (MUSTER_DATA, MUSTER_LISTEN,
# MUSTER_DISTRICTS, MUSTER_TRUST, MUSTER_SHARDS, …), flags overrule both. `muster check` says what is wrong, with the line.

# Journal, view, vault and the register of tokens. Keep it on a disk that keeps what it says.
data = "data"
# Beyond this machine only with TLS and tokens: see [tls].
listen = "127.0.0.1:7310"
# The folder of each district.
districts = ["district"]
# Whose signatures count for packages. Without it, the host runs under the development profile of trust.
# trust = "trust.toml"
# Threads that decide; 0 is one less than the machine has cores.
shards = 0
# Below so many MiB of free disk, signals are refused while acts of people are still taken.
low_space_mebibytes = 256

[connections]
# At once; one more is hung up on. Seconds and bytes that the head of a request may take.
most = 1024
head_seconds = 15
head_bytes = 16384

[access]
# Everybody shows a token. `true` lets whoever sits at this machine do everything without one: never in service.
development = false
# Everybody may read the public view of a district, some time behind and with chosen fields only.
public_view = false
# The longest life of a token.
token_days_max = 90
# What one person may not do alone:
# second_person = { persons = { release_policy = 2, send_freeze = 2 } }

# Who is told what was decided; docs/outbox.md has all of it.
# [[outbox.recipient]]
# name = "duty-desk"
# language = "zh"
# [[outbox.recipient.channel]]
# name = "hook"
# webhook.url = "https://platform.example.org/hooks/muster"
# webhook.secrets = ["file:hook.secret"]
# [[outbox.subscription]]
# recipient = "duty-desk"
# facts = ["callout.*"]

# [tls]
# certificate = "host.pem"
# key = "file:host.key"      # or "env:NAME"; never the key itself
# minimum_version = "1.3"

# Each entry as a span, to a collector that speaks OTLP over HTTP.
# [traces]
# endpoint = "http://127.0.0.1:4318/v1/traces"
# permille = 1000            # of a thousand entries; those in which a policy failed are always told
# token = "file:collector.token"

# What the city already speaks, for POST /v1/intake/NAME: "cap", "alertmanager", "json_lines" or "cloudevents". Whoever
# sends must hold `source`; powers are given by it. Without `district`, the place tells where an event goes.
# [intake.weather]
# format = "cap"                               # dialects: "strict", "12379", "nws"
# source = "urn:org:cn:990100:weather-bureau"
# district = "mydistrict"
# cap = { dialect = "strict", valid_hours = 24 }
# geocodes."GB/T2260" = { "*" = "=" }          # every code of the list is a node
# hazards = { "暴雨" = "rainstorm" }
#
# [intake.monitoring]
# format = "alertmanager"
# source = "urn:app:alertmanager"
# default_node = "990100"
# alertmanager = { place_label = "area", severities = { critical = "severe" } }
#
# [intake.gauges]
# format = "json_lines"
# source = "urn:iot:gauges"
# [intake.gauges.mapping]
# kind = "ponding"
# id = ["station", "time"]                     # the same values are the same event
# time = "time"
# place = { field = "node" }
# fields.depth_cm = { field = "depth", unit = "cm", required = true }
#
# Sensors over MQTT 3.1.1, acknowledged once they are durable. Plain TCP: only inside a network that is trusted.
# [mqtt.sensors]
# broker = "127.0.0.1"
# port = 1883
# client_id = "muster-mydistrict"              # the session that the broker keeps; no two hosts may share one
# source = "urn:iot:sensors"
# username = "muster"
# password = "file:mqtt.password"              # or "env:NAME"; never the password itself
# [[mqtt.sensors.topic]]
# pattern = "city/{area}/level"
# mapping = { kind = "ponding", id = ["*"], place = { field = "topic.area" }, fields = { depth_cm = { field = "depth" } } }
"#
    .to_owned()
}

/// `district.toml`: the root, one node below it, one department that can answer. It has no policy: the host's own fallback
/// puts every event before people.
pub(crate) fn district() -> &'static str {
    r#"# A district: its tree, who can be called, and who may act. The names are invented; put in your own.

district = "mydistrict"
# The node that its policies speak for.
root = "990100"
name = { zh = "示例市", en = "Example" }
utc_offset = "+08:00"
currency = "CNY"

[levels]
# What takes force without a person's confirmation; a person confirms what is above.
provisional_max = "III"

[grants]
# How far a grant may widen a power, how long, and from which tier it may be carried further down.
multiplier_max_permille = 1000
hours_max = 72
carries_from = "street"

[times]
callout_match_minutes = 10
# So long an identity is remembered: the same event sent again gets its first receipt.
identity_days = 30
approval_wait_minutes = 120

[[node]]
code = "990100"
name = "示例市"
tier = "city"

[[node]]
code = "990101"
name = "示例区"
tier = "district"

[[department]]
node = "990100"
name = "duty"
title = "示例市值班室"
services = ["duty"]
sources = ["urn:org:cn:{node}:duty"]

# Who may do what by the charter. A token says who somebody is; this says what their source may do.
[[actor]]
source = "urn:org:cn:{node}:duty"
powers = ["order", "call", "report", "answer"]

# A policy is a package that answers for a role; without one, the host puts every event before people:
# [policies.triage]
# package = "packages/triage.wasm"
# settings = ["settings/triage.toml"]
"#
}
