//! The network of a request, which is what rate limits count.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// A network: IPv4 /24 or IPv6 /64 of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Network {
    /// The first three bytes of an IPv4 address.
    V4([u8; 3]),
    /// The first eight bytes of an IPv6 address.
    V6([u8; 8]),
}

impl Network {
    /// The network of callers whose address is not known.
    pub const UNKNOWN: Self = Self::V4([0; 3]);

    /// The network of `address`; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(v6) => {
                let mut prefix = [0; 8];
                prefix.copy_from_slice(&v6.octets()[..8]);
                Self::V6(prefix)
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4([a, b, c]) => write!(f, "{a}.{b}.{c}.0/24"),
            Self::V6(prefix) => {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(prefix);
                write!(f, "{}/64", std::net::Ipv6Addr::from(bytes))
            }
        }
    }
}
