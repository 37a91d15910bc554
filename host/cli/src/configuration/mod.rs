//! `muster.toml`: how a host is run, in one file. What stands in it is overruled by the environment (`MUSTER_…`), and that
//! by flags. Every field is known or refused, with file, line, field and cure. It must never hold a secret: secrets are
//! named by where they lie.

mod intake;
mod place;
mod sample;
mod schema;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use muster_access::settings::KeysFrom;
use muster_access::{AccessSettings, SecretReference, Settings, SettingsError, TlsSettings};
use muster_intake::SourceSettings;
use muster_intake::mqtt::{MqttSettings, PasswordPlace};
use muster_server::ConnectionLimits;
use muster_server::sources::IntakeSettings;
use muster_server::traces::TraceSettings;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::Serve;

pub(crate) use sample::{SAMPLE_DISTRICT, district, sample};
pub(crate) use schema::{SCHEMA_FILE, schema};

/// The name that is looked for where none is given.
pub(crate) const FILE: &str = "muster.toml";
/// Where a host listens when nobody says anything.
const LISTEN: &str = "127.0.0.1:7310";

/// How a host is run. Paths are relative to the file. A flag goes before the environment, and that before the file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "muster.toml")]
struct File {
    /// The folder of journal, view, vault and register of tokens. Must be named here, by `MUSTER_DATA` or by `--data`.
    data: Option<PathBuf>,
    /// Where the host listens; 127.0.0.1:7310 unless set. Beyond this machine only with TLS and tokens.
    #[schemars(regex(pattern = schema::SOCKET))]
    listen: Option<SocketAddr>,
    /// The folder of each district. Must be named here, by `MUSTER_DISTRICTS` or by `--district`.
    districts: Vec<PathBuf>,
    /// Threads that decide; 0, the default, is one less than the machine has cores.
    shards: Option<usize>,
    /// The file that says whose signatures count for packages; without it the development profile of trust holds.
    trust: Option<PathBuf>,
    /// The size of a segment of the journal in MiB: 1 to 1,024; 64 unless set.
    #[schemars(range(min = 1, max = 1_024))]
    segment_mebibytes: Option<u64>,
    /// Below so many MiB of free disk, signals are refused while acts of people are still taken; 256 unless set.
    low_space_mebibytes: Option<u64>,
    /// What callers may take up.
    connections: Connections,
    /// Who may come in, and how they prove it; docs/access.md.
    access: Option<AccessSettings>,
    /// Certificate and key of the host, and whose client certificates count; docs/access.md.
    tls: Option<TlsSettings>,
    /// Who is told of what was decided; docs/outbox.md. Nobody without it.
    outbox: Option<muster_outbox::Settings>,
    /// Where each entry goes as a span; nowhere without it.
    traces: Option<TraceSettings>,
    /// What the city already speaks, for `POST /v1/intake/NAME`, by name; docs/intake.md.
    #[schemars(extend("propertyNames" = {"pattern": schema::SOURCE_NAME}))]
    intake: BTreeMap<String, SourceSettings>,
    /// Brokers of sensors over MQTT 3.1.1, by name; docs/intake.md.
    mqtt: BTreeMap<String, MqttSettings>,
}

/// `[connections]`: what callers may take up.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Connections {
    /// Connections at once, 1 to 100,000; one more is hung up on. 1,024 unless set.
    #[schemars(range(min = 1, max = 100_000))]
    most: Option<usize>,
    /// Seconds that a TLS handshake or the head of a request may take, 1 to 300; 15 unless set.
    #[schemars(range(min = 1, max = 300))]
    head_seconds: Option<u64>,
    /// Bytes of a request's head, 8,192 to 1,048,576; 16,384 unless set.
    #[schemars(range(min = 8_192, max = 1 << 20))]
    head_bytes: Option<usize>,
    /// Fields of a request's head, 16 to 1,000; 64 unless set.
    #[schemars(range(min = 16, max = 1_000))]
    head_fields: Option<usize>,
}

/// How a host is run: file, environment and flags put together.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// The file, when there is one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) districts: Vec<PathBuf>,
    pub(crate) shards: usize,
    pub(crate) trust: Option<PathBuf>,
    pub(crate) segment_mebibytes: u64,
    pub(crate) low_space_mebibytes: u64,
    pub(crate) connections: ConnectionLimits,
    pub(crate) settings: Settings,
    /// Who is told of what was decided; nobody without it.
    pub(crate) outbox: Option<muster_outbox::Settings>,
    /// Where spans go; nowhere without it.
    pub(crate) traces: Option<TraceSettings>,
    /// What is read beside `CloudEvents`.
    pub(crate) intake: IntakeSettings,
}

impl Configuration {
    /// Puts together what a command line says with its file and the environment.
    pub(crate) fn of(serve: &Serve, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let named = serve.config.clone().or_else(|| variable("MUSTER_CONFIG").map(PathBuf::from));
        // Flags that say everything need no file: one that merely lies here is not taken.
        let complete = serve.data.is_some() && !serve.folders.is_empty();
        let found = || (!complete && Path::new(FILE).is_file()).then(|| PathBuf::from(FILE));
        let file = named.or_else(found);
        let (text, read) = match &file {
            Some(path) => read(path)?,
            None => (String::new(), File::default()),
        };
        let environment = Environment { variable: &variable };
        let mut configuration = Self::merged(serve, read, &environment, file)?;
        let at = |error: &SettingsError| match (&configuration.file, error) {
            (Some(path), SettingsError::Field { field, .. }) => place::of(path, &text, field),
            (Some(path), SettingsError::Syntax(_)) => path.display().to_string(),
            (None, _) => "command line".to_owned(),
        };
        configuration.settings.check().map_err(|error| anyhow::anyhow!("{}: {error}", at(&error)))?;
        if let Some(traces) = &configuration.traces {
            traces.check().map_err(|error| {
                let place = configuration.file.as_deref().map(|path| place::of(path, &text, "traces"));
                anyhow::anyhow!("{}: {error}", place.unwrap_or_default())
            })?;
        }
        configuration.check_intake(None)?;
        configuration.settings.access.insecure |= serve.insecure_listen;
        Ok(configuration)
    }

    fn merged(serve: &Serve, read: File, environment: &Environment<'_>, file: Option<PathBuf>) -> anyhow::Result<Self> {
        let folders = environment.paths("MUSTER_DISTRICTS");
        let districts = [&serve.folders, &folders, &read.districts].into_iter().find(|given| !given.is_empty());
        let data = serve.data.clone().or(environment.path("MUSTER_DATA")).or(read.data);
        let listen = serve.listen.map_or_else(|| environment.read("MUSTER_LISTEN"), |listen| Ok(Some(listen)))?;
        let number = |flag: Option<u64>, name: &str, of_file: Option<u64>, otherwise: u64| {
            anyhow::Ok(
                flag.map_or_else(|| environment.read(name), |given| Ok(Some(given)))?.or(of_file).unwrap_or(otherwise),
            )
        };
        let segment = number(serve.segment_mebibytes, "MUSTER_SEGMENT_MEBIBYTES", read.segment_mebibytes, 64)?;
        ensure!((1..=1_024).contains(&segment), "`segment_mebibytes` is {segment}; 1 to 1024 are allowed");
        let low_space = number(serve.low_space_mebibytes, "MUSTER_LOW_SPACE_MEBIBYTES", read.low_space_mebibytes, 256)?;
        let shards = serve.shards.map_or_else(|| environment.read("MUSTER_SHARDS"), |given| Ok(Some(given)))?;
        let Some(data) = data else {
            bail!("no data folder is named; write `data` in {FILE}, or say --data (`muster init DIR` writes a {FILE})");
        };
        let Some(districts) = districts.cloned() else {
            bail!("no district is named; write `districts` in {FILE}, or say --district DIR");
        };
        // Without a word on access in a file, a host that listens to its own machine serves whoever sits there.
        let development = || AccessSettings { development: true, ..AccessSettings::default() };
        let access = match (read.access, &file) {
            (Some(access), _) => access,
            (None, Some(_)) => AccessSettings::default(),
            (None, None) => development(),
        };
        Ok(Self {
            data,
            listen: listen.or(read.listen).unwrap_or(LISTEN.parse()?),
            districts,
            shards: shards.or(read.shards).unwrap_or(0),
            trust: serve.trust.clone().or(environment.path("MUSTER_TRUST")).or(read.trust),
            segment_mebibytes: segment,
            low_space_mebibytes: low_space,
            connections: read.connections.limits()?,
            settings: Settings { access, tls: read.tls },
            intake: IntakeSettings { sources: read.intake, brokers: read.mqtt },
            outbox: serve.outbox.as_deref().map(crate::commands::outbox::settings).transpose()?.or(read.outbox),
            traces: read.traces,
            file,
        })
    }
}

impl Connections {
    fn limits(&self) -> anyhow::Result<ConnectionLimits> {
        let usual = ConnectionLimits::default();
        let most = self.most.unwrap_or(usual.connections);
        ensure!((1..=100_000).contains(&most), "`connections.most` is {most}; 1 to 100000 are allowed");
        let seconds = self.head_seconds.unwrap_or(usual.head_within.as_secs());
        ensure!((1..=300).contains(&seconds), "`connections.head_seconds` is {seconds}; 1 to 300 are allowed");
        let bytes = self.head_bytes.unwrap_or(usual.head_bytes);
        ensure!((8_192..=1 << 20).contains(&bytes), "`connections.head_bytes` is {bytes}; 8192 to 1048576 are allowed");
        let fields = self.head_fields.unwrap_or(usual.head_fields);
        ensure!((16..=1_000).contains(&fields), "`connections.head_fields` is {fields}; 16 to 1000 are allowed");
        Ok(ConnectionLimits {
            connections: most,
            head_within: Duration::from_secs(seconds),
            head_bytes: bytes,
            head_fields: fields,
        })
    }
}

/// The variables of the environment.
struct Environment<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Environment<'_> {
    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).map(PathBuf::from)
    }

    /// Several paths with a colon between.
    fn paths(&self, name: &str) -> Vec<PathBuf> {
        let given = (self.variable)(name).unwrap_or_default();
        given.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect()
    }

    fn read<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let Some(text) = (self.variable)(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|reason| anyhow::anyhow!("the variable {name} is `{text}`: {reason}"))
    }
}

/// Reads the file. Paths in it are relative to its folder.
fn read(path: &Path) -> anyhow::Result<(String, File)> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("{} cannot be read; name another with --config, or let `muster init DIR` write one", path.display())
    })?;
    let mut file: File = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| place::line(&text, span.start));
        anyhow::anyhow!("{}:{line}: {}", path.display(), error.message().trim_end())
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let rebase = |path: &mut PathBuf| *path = folder.join(&*path);
    file.data.iter_mut().chain(&mut file.trust).chain(&mut file.districts).for_each(rebase);
    if let Some(tls) = &mut file.tls {
        rebase(&mut tls.certificate);
        if let SecretReference::File(key) = &mut tls.key {
            rebase(key);
        }
        tls.client_roots.iter_mut().chain(&mut tls.client_revocations).for_each(rebase);
    }
    if let Some(SecretReference::File(token)) = file.traces.as_mut().and_then(|traces| traces.token.as_mut()) {
        rebase(token);
    }
    if let Some(outbox) = &mut file.outbox {
        outbox.rebase(folder);
    }
    for broker in file.mqtt.values_mut() {
        if let Some(PasswordPlace::File(password)) = &mut broker.password {
            rebase(password);
        }
    }
    for issuer in file.access.iter_mut().flat_map(|access| &mut access.oidc) {
        if let KeysFrom::File(keys) = &mut issuer.keys {
            rebase(keys);
        }
    }
    Ok((text, file))
}

#[cfg(test)]
mod tests;
