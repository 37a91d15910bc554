//! Which addresses may be called. Judged when a connection is made, after the name was resolved: a name that points
//! somewhere else by then is judged by where it points. Never resolves anything itself.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// What kind of place an address is, after the special-purpose registries of RFC 6890.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressClass {
    /// Anywhere on the public network.
    Public,
    /// A private network: RFC 1918, RFC 4193, and the shared space of RFC 6598.
    Private,
    /// This machine.
    Loopback,
    /// This link, and with it the metadata services of clouds (RFC 3927, RFC 4291).
    LinkLocal,
    /// Nowhere that a message can go: unspecified, multicast, broadcast, reserved, documentation, benchmarks.
    Special,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link_local",
            Self::Special => "special",
        })
    }
}

impl AddressClass {
    /// The class of an address. An IPv4 address within an IPv6 one is judged as itself.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => embedded(address).map_or_else(|| of_v6(address), of_v4),
        }
    }
}

fn of_v4(address: Ipv4Addr) -> AddressClass {
    let [first, second, third, _] = address.octets();
    if address.is_loopback() {
        AddressClass::Loopback
    } else if address.is_link_local() {
        AddressClass::LinkLocal
    } else if address.is_private() || (first == 100 && (64..128).contains(&second)) {
        AddressClass::Private
    } else if first == 0
        || first >= 224
        || address.is_documentation()
        || (first == 198 && (18..20).contains(&second))
        || (first, second, third) == (192, 0, 0)
    {
        AddressClass::Special
    } else {
        AddressClass::Public
    }
}

fn of_v6(address: Ipv6Addr) -> AddressClass {
    let segments = address.segments();
    if address.is_loopback() {
        AddressClass::Loopback
    } else if address.is_unicast_link_local() {
        AddressClass::LinkLocal
    } else if address.is_unique_local() {
        AddressClass::Private
    } else if segments[0] & 0xe000 == 0x2000 && segments[..2] != [0x2001, 0x0db8] {
        AddressClass::Public
    } else {
        AddressClass::Special
    }
}

/// The IPv4 address inside a mapped (RFC 4291), NAT64 (RFC 6052) or 6to4 (RFC 3056) address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let four = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => Some(four(high, low)),
        [0x2002, high, low, ..] => Some(four(high, low)),
        _ => None,
    }
}

/// Which classes may be called: the public network, and what the settings allow besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    /// Allowed besides [`AddressClass::Public`]; [`AddressClass::Special`] never counts.
    pub allow: Vec<AddressClass>,
}

impl AddressPolicy {
    /// Whether an address may be called; the class when it may not.
    ///
    /// # Errors
    /// The class that is not allowed.
    pub fn check(&self, address: IpAddr) -> Result<(), AddressClass> {
        match AddressClass::of(address) {
            AddressClass::Public => Ok(()),
            AddressClass::Special => Err(AddressClass::Special),
            class if self.allow.contains(&class) => Ok(()),
            class => Err(class),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_disguise_is_seen_through() {
        let classes = [
            ("8.8.8.8", AddressClass::Public),
            ("2606:4700::1111", AddressClass::Public),
            ("10.1.2.3", AddressClass::Private),
            ("172.31.0.1", AddressClass::Private),
            ("172.32.0.1", AddressClass::Public),
            ("100.100.100.200", AddressClass::Private),
            ("fd00::1", AddressClass::Private),
            ("127.9.9.9", AddressClass::Loopback),
            ("::1", AddressClass::Loopback),
            ("::ffff:127.0.0.1", AddressClass::Loopback),
            ("64:ff9b::7f00:1", AddressClass::Loopback),
            ("2002:7f00:1::", AddressClass::Loopback),
            ("169.254.169.254", AddressClass::LinkLocal),
            ("::ffff:169.254.169.254", AddressClass::LinkLocal),
            ("fe80::1", AddressClass::LinkLocal),
            ("0.0.0.0", AddressClass::Special),
            ("::", AddressClass::Special),
            ("224.0.0.1", AddressClass::Special),
            ("255.255.255.255", AddressClass::Special),
            ("192.0.2.1", AddressClass::Special),
            ("198.18.0.1", AddressClass::Special),
            ("ff02::1", AddressClass::Special),
            ("2001:db8::1", AddressClass::Special),
        ];
        for (address, class) in classes {
            assert_eq!(AddressClass::of(address.parse().expect("an address")), class, "{address}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_and_nothing_else() {
        let policy = AddressPolicy { allow: vec![AddressClass::Private, AddressClass::Special] };
        let check = |address: &str| policy.check(address.parse().expect("an address"));
        assert_eq!(check("8.8.8.8"), Ok(()));
        assert_eq!(check("10.0.0.1"), Ok(()));
        assert_eq!(check("127.0.0.1"), Err(AddressClass::Loopback));
        assert_eq!(check("0.0.0.0"), Err(AddressClass::Special));
    }
}
