//! Sources and brokers in `muster.toml`: what is wrong with them, by file, line and field; and the passwords of brokers'
//! users, from where they lie. A password is handed on, and never printed.

use std::collections::BTreeMap;

use anyhow::Context as _;
use muster_access::{SecretReference, Surroundings};
use muster_intake::SettingsError;
use muster_intake::mqtt::PasswordPlace;
use muster_kernel::DistrictId;

use super::{Configuration, place};

impl Configuration {
    /// Whether sources and brokers can be used. Without `districts`, where events go is not looked at.
    pub(crate) fn check_intake(&self, districts: Option<&[DistrictId]>) -> anyhow::Result<()> {
        self.intake.check(districts).map_err(|error| self.of_intake(&error))
    }

    /// What is wrong, with its place.
    pub(crate) fn of_intake(&self, error: &SettingsError) -> anyhow::Error {
        let SettingsError { section, name, field, reason, cure } = error;
        let (of_name, place) = (format!("{section}.{name}"), self.place(&format!("{section}.{name}.{field}")));
        // Only a name of the settings' own can be wrong without a field.
        let field = if field == "NAME" { of_name } else { format!("{of_name}.{field}") };
        anyhow::anyhow!("{place}: `{field}` {reason}; {cure}")
    }

    /// The passwords of the brokers' users, by the brokers' names.
    pub(crate) fn broker_passwords(
        &self,
        surroundings: &impl Surroundings,
    ) -> anyhow::Result<BTreeMap<String, String>> {
        let mut passwords = BTreeMap::new();
        for (name, broker) in &self.intake.brokers {
            let reference = match &broker.password {
                None => continue,
                Some(PasswordPlace::File(path)) => SecretReference::File(path.clone()),
                Some(PasswordPlace::Variable(variable)) => SecretReference::Variable(variable.clone()),
            };
            let field = format!("mqtt.{name}.password");
            let at = || format!("{}: `{field}`", self.place(&field));
            let secret = reference.resolve(surroundings).with_context(at)?;
            let password =
                std::str::from_utf8(secret.expose()).ok().context("the password is not UTF-8").with_context(at)?;
            passwords.insert(name.clone(), password.to_owned());
        }
        Ok(passwords)
    }

    /// `FILE:LINE` of a field. The file is read once more: it is only a few kilobytes, and something is wrong already.
    fn place(&self, field: &str) -> String {
        let Some(path) = &self.file else { return "command line".to_owned() };
        let text = std::fs::read_to_string(path).unwrap_or_default();
        place::of(path, &text, field)
    }
}
