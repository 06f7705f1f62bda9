//! A range of addresses, as in the configuration of trusted peers: `10.0.0.0/8`, `::1`.

use std::{fmt, net::IpAddr, str::FromStr};

use super::Invalid;

/// A range of IP addresses in CIDR notation (RFC 4632 section 3.1); a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

const FORMAT: Invalid = Invalid::new("not_a_range", "must be an address or a range of addresses, e.g. 10.0.0.0/8");

impl Cidr {
    /// Whether `address` is inside; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let unused = 32 - u32::from(self.prefix);
                u32::from(own).checked_shr(unused) == u32::from(other).checked_shr(unused)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let unused = 128 - u32::from(self.prefix);
                u128::from(own).checked_shr(unused) == u128::from(other).checked_shr(unused)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// The share of the Internet that the range covers, in IPv4 addresses or in IPv6 networks (/64); 0 for a range of
    /// addresses that are not routed there (RFC 6890).
    pub fn public_size(self) -> u64 {
        const PRIVATE: [&str; 9] = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "127.0.0.0/8",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
            "::1/128",
        ];
        let is_private = |range: &str| {
            range.parse::<Self>().is_ok_and(|range| range.prefix <= self.prefix && range.contains(self.address))
        };
        if PRIVATE.iter().any(|range| is_private(range)) {
            return 0;
        }
        let bits: u8 = if self.address.is_ipv4() { 32 } else { 64 };
        1_u64.checked_shl(u32::from(bits.saturating_sub(self.prefix))).unwrap_or(u64::MAX)
    }

    /// Whether it is an IPv4 range.
    pub fn is_ipv4(self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether it contains every address, and so trusts every peer.
    pub fn is_everything(self) -> bool {
        self.prefix == 0
    }
}

impl FromStr for Cidr {
    type Err = Invalid;
    /// Bits after the prefix must be zero: `10.0.0.1/8` is ambiguous, so it is refused.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| FORMAT)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map_err(|_| FORMAT)?,
            Some(_) => return Err(FORMAT),
        };
        if prefix > longest {
            return Err(FORMAT);
        }
        let unused = u32::from(longest - prefix);
        let stray = match address {
            IpAddr::V4(v4) => u32::from(v4).trailing_zeros() < unused,
            IpAddr::V6(v6) => u128::from(v6).trailing_zeros() < unused,
        };
        if stray {
            return Err(Invalid::new("host_bits", "must have zeros behind the prefix, e.g. 10.0.0.0/8"));
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_addresses_and_no_other() {
        for (range, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "8.8.8.8", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let range: Cidr = range.parse().unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), inside, "{range} and {address}");
        }
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for text in ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/", "localhost", "::1/129"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
