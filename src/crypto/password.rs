//! Password hashes: Argon2id (RFC 9106) as PHC strings, with an optional pepper.
//!
//! Every hash blocks its thread for tens of milliseconds: only the hasher's threads call this module.

use argon2::{
    Algorithm, Argon2, Block, KeyId, Params, ParamsBuilder, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::types::{Secret, limits};

/// Bytes of a salt, which the caller draws.
pub const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;

/// The cost of one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes; one thread computes them one after the other.
    pub lanes: u32,
}

impl Default for PasswordCost {
    /// The minimum that OWASP recommends for Argon2id: 19,456 KiB, two passes, one lane.
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

impl PasswordCost {
    /// KiB of memory times passes, the measure of the time of one hash.
    pub fn work(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }

    fn of(params: &Params) -> Self {
        Self { memory_kib: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() }
    }

    fn params(self) -> Result<Params, PasswordFault> {
        let bounded = self.memory_kib <= limits::PASSWORD_MEMORY_MAX_KIB
            && self.passes <= limits::PASSWORD_PASSES_MAX
            && self.lanes <= limits::PASSWORD_LANES_MAX;
        if !bounded {
            return Err(PasswordFault::Cost);
        }
        Params::new(self.memory_kib, self.passes, self.lanes, Some(OUTPUT_BYTES)).map_err(|_| PasswordFault::Cost)
    }
}

/// A key that is mixed into each hash and is not in the store, so that passwords cannot be guessed from a stolen store
/// alone.
#[derive(Clone)]
pub struct Pepper {
    /// The id in each hash made with it; 1 to 8 bytes.
    pub id: String,
    pub key: Secret,
}

/// The result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The right password, hashed with the current cost and pepper.
    Right,
    /// The right password, but its hash has another cost or pepper: hash it again.
    RightOutdated,
    Wrong,
}

/// Why a hash cannot be computed or compared. No fault reveals anything about the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// The stored string is not a PHC string of Argon2.
    #[error("a stored password hash cannot be read")]
    Malformed,
    /// The stored string names a pepper that is not configured.
    #[error("a stored password hash needs the pepper '{id}', which is not configured")]
    UnknownPepper {
        /// The id of the pepper.
        id: String,
    },
    /// Memory, passes or lanes are out of bounds.
    #[error("the cost of a password hash is out of bounds")]
    Cost,
    /// The id of a pepper is not 1 to 8 bytes long, or two peppers share it.
    #[error("the id of a pepper must be 1 to 8 bytes long and unique")]
    PepperId,
}

/// Memory for one hash at a time, kept between hashes so that it is not allocated for each.
#[derive(Default)]
pub struct Scratch {
    blocks: Vec<Block>,
}

impl Scratch {
    /// Whether it holds no memory.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.blocks.len() < count {
            self.blocks.resize(count, Block::new());
        }
        &mut self.blocks[..count]
    }
}

/// Hashes and verifies passwords at one cost, with the newest of its peppers.
#[derive(Clone)]
pub struct PasswordHasher {
    params: Params,
    /// The first one is used for new hashes; the others verify older ones.
    peppers: Vec<Pepper>,
}

/// A parsed PHC string.
struct Stored {
    hash: Output,
    salt: Salt,
    params: Params,
    algorithm: Algorithm,
    version: Version,
}

impl PasswordHasher {
    /// `peppers`: newest first; may be empty.
    pub fn new(cost: PasswordCost, peppers: Vec<Pepper>) -> Result<Self, PasswordFault> {
        for (position, pepper) in peppers.iter().enumerate() {
            let repeated = peppers[..position].iter().any(|earlier| earlier.id == pepper.id);
            if repeated || pepper.id.is_empty() || KeyId::new(pepper.id.as_bytes()).is_err() {
                return Err(PasswordFault::PepperId);
            }
        }
        let params = with_pepper(&cost.params()?, peppers.first())?;
        Ok(Self { params, peppers })
    }

    /// The PHC string of `password`, after NFC, with `salt`.
    pub fn hash(
        &self,
        scratch: &mut Scratch,
        password: &Secret,
        salt: [u8; SALT_BYTES],
    ) -> Result<String, PasswordFault> {
        let salt = Salt::new(&salt).map_err(|_| PasswordFault::Malformed)?;
        let stored = Stored {
            hash: Output::new(&[0; OUTPUT_BYTES]).map_err(|_| PasswordFault::Malformed)?,
            salt,
            params: self.params.clone(),
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
        };
        let output = self.compute(scratch, password, &stored)?;
        let phc = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&self.params).map_err(|_| PasswordFault::Cost)?,
            salt: Some(salt),
            hash: Some(Output::new(&output).map_err(|_| PasswordFault::Malformed)?),
        };
        Ok(phc.to_string())
    }

    /// Verifies `password`, after NFC, against a stored PHC string.
    pub fn verify(
        &self,
        scratch: &mut Scratch,
        stored: &str,
        password: &Secret,
    ) -> Result<PasswordCheck, PasswordFault> {
        let parsed = Stored::parse(stored)?;
        let output = self.compute(scratch, password, &parsed)?;
        if !bool::from(output.as_slice().ct_eq(parsed.hash.as_bytes())) {
            return Ok(PasswordCheck::Wrong);
        }
        Ok(if self.is_current(&parsed) { PasswordCheck::Right } else { PasswordCheck::RightOutdated })
    }

    /// The cost of new hashes.
    pub fn cost(&self) -> PasswordCost {
        PasswordCost::of(&self.params)
    }

    /// The cost of a stored hash; `None` if it cannot be read.
    pub fn cost_of(&self, stored: &str) -> Option<PasswordCost> {
        Stored::parse(stored).ok().map(|parsed| PasswordCost::of(&parsed.params))
    }

    /// Does the work of a verification for an unknown identifier, at a cost that users have. Always `Wrong`.
    pub fn verify_unknown(
        &self,
        scratch: &mut Scratch,
        password: &Secret,
        cost: PasswordCost,
    ) -> Result<PasswordCheck, PasswordFault> {
        let nobody = Stored {
            hash: Output::new(&[0; OUTPUT_BYTES]).map_err(|_| PasswordFault::Malformed)?,
            salt: Salt::new(b"majordomo nobody").map_err(|_| PasswordFault::Malformed)?,
            params: self.params_at(cost)?,
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
        };
        let output = self.compute(scratch, password, &nobody)?;
        // Compared as in a verification, so that the compiler keeps the work.
        let _same = output.as_slice().ct_eq(nobody.hash.as_bytes());
        Ok(PasswordCheck::Wrong)
    }

    /// The parameters of a new hash at another cost.
    fn params_at(&self, cost: PasswordCost) -> Result<Params, PasswordFault> {
        let params = cost.params()?;
        with_pepper(&params, self.peppers.first())
    }

    /// The id of the pepper that a stored hash needs and this hasher lacks, if so.
    pub fn missing_pepper(&self, stored: &str) -> Option<String> {
        let parsed = Stored::parse(stored).ok()?;
        let id = Some(parsed.params.keyid()).filter(|id| !id.is_empty())?;
        self.pepper(id).is_err().then(|| String::from_utf8_lossy(id).into_owned())
    }

    fn is_current(&self, stored: &Stored) -> bool {
        stored.params == self.params && stored.algorithm == Algorithm::Argon2id && stored.version == Version::V0x13
    }

    fn compute(
        &self,
        scratch: &mut Scratch,
        password: &Secret,
        stored: &Stored,
    ) -> Result<Zeroizing<Vec<u8>>, PasswordFault> {
        let argon2 = match stored.params.keyid() {
            [] => Argon2::new(stored.algorithm, stored.version, stored.params.clone()),
            id => {
                let key = self.pepper(id)?.key.reveal().as_bytes();
                Argon2::new_with_secret(key, stored.algorithm, stored.version, stored.params.clone())
                    .map_err(|_| PasswordFault::Cost)?
            }
        };
        let password = normal(password);
        let mut output = Zeroizing::new(vec![0; stored.hash.len()]);
        let blocks = scratch.blocks(stored.params.block_count());
        argon2
            .hash_password_into_with_memory(password.as_bytes(), &stored.salt, &mut output, blocks)
            .map_err(|_| PasswordFault::Cost)?;
        Ok(output)
    }

    fn pepper(&self, id: &[u8]) -> Result<&Pepper, PasswordFault> {
        self.peppers
            .iter()
            .find(|pepper| pepper.id.as_bytes() == id)
            .ok_or_else(|| PasswordFault::UnknownPepper { id: String::from_utf8_lossy(id).into_owned() })
    }
}

/// The parameters with the id of the pepper that new hashes use.
fn with_pepper(params: &Params, newest: Option<&Pepper>) -> Result<Params, PasswordFault> {
    let Some(newest) = newest else { return Ok(params.clone()) };
    let id = KeyId::new(newest.id.as_bytes()).map_err(|_| PasswordFault::PepperId)?;
    let mut builder = ParamsBuilder::new();
    builder.m_cost(params.m_cost()).t_cost(params.t_cost()).p_cost(params.p_cost());
    builder.output_len(OUTPUT_BYTES).keyid(id);
    builder.build().map_err(|_| PasswordFault::Cost)
}

impl Stored {
    fn parse(text: &str) -> Result<Self, PasswordFault> {
        let phc = PasswordHash::new(text).map_err(|_| PasswordFault::Malformed)?;
        let params = Params::try_from(&phc).map_err(|_| PasswordFault::Malformed)?;
        PasswordCost::of(&params).params()?;
        Ok(Self {
            algorithm: Algorithm::try_from(phc.algorithm.as_str()).map_err(|_| PasswordFault::Malformed)?,
            version: match phc.version {
                Some(version) => Version::try_from(version).map_err(|_| PasswordFault::Malformed)?,
                None => Version::V0x10,
            },
            salt: phc.salt.ok_or(PasswordFault::Malformed)?,
            hash: phc.hash.ok_or(PasswordFault::Malformed)?,
            params,
        })
    }
}

/// NFC, so that a password typed on different keyboards has the same bytes (NIST SP 800-63B section 5.1.1.2).
fn normal(password: &Secret) -> Zeroizing<String> {
    // Allocated in advance: a string that grows would leave copies in memory.
    let mut text = Zeroizing::new(String::with_capacity(password.reveal().len() * 3));
    text.extend(password.reveal().nfc());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; SALT_BYTES] = *b"0123456789abcdef";

    fn cheap() -> PasswordCost {
        PasswordCost { memory_kib: 64, passes: 1, lanes: 1 }
    }

    fn pepper(id: &str) -> Pepper {
        Pepper { id: id.into(), key: Secret::new(format!("key of {id}")) }
    }

    fn hasher(cost: PasswordCost, peppers: &[&str]) -> PasswordHasher {
        PasswordHasher::new(cost, peppers.iter().map(|id| pepper(id)).collect()).unwrap()
    }

    #[test]
    fn a_known_answer_at_the_default_cost() {
        let hasher = hasher(PasswordCost::default(), &[]);
        let hash = hasher.hash(&mut Scratch::default(), &Secret::new("correct horse battery"), SALT).unwrap();
        assert_eq!(hash, KNOWN_ANSWER);
    }

    // Made with the reference implementation: argon2-cffi 25.1, hash_secret(b"correct horse battery",
    // b"0123456789abcdef", 2, 19456, 1, 32, Type.ID).
    const KNOWN_ANSWER: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$69I7qCjDTsQwhQqFvpQJiqEI0lGQvxC84fXE0Ktxca4";

    #[test]
    fn the_right_password_is_right_and_another_is_wrong() {
        let hasher = hasher(cheap(), &[]);
        let scratch = &mut Scratch::default();
        let hash = hasher.hash(scratch, &Secret::new("tr0ub4dor and three"), SALT).unwrap();
        let check = |scratch: &mut Scratch, text: &str| hasher.verify(scratch, &hash, &Secret::new(text)).unwrap();
        assert_eq!(check(scratch, "tr0ub4dor and three"), PasswordCheck::Right);
        assert_eq!(check(scratch, "tr0ub4dor and three "), PasswordCheck::Wrong);
        assert_eq!(check(scratch, ""), PasswordCheck::Wrong);
        assert_eq!(hasher.verify_unknown(scratch, &Secret::new("x"), cheap()).unwrap(), PasswordCheck::Wrong);
    }

    #[test]
    fn composed_and_decomposed_forms_are_one_password() {
        let hasher = hasher(cheap(), &[]);
        let scratch = &mut Scratch::default();
        let hash = hasher.hash(scratch, &Secret::new("caf\u{e9} cr\u{e8}me"), SALT).unwrap();
        let decomposed = Secret::new("cafe\u{301} cre\u{300}me");
        assert_eq!(hasher.verify(scratch, &hash, &decomposed).unwrap(), PasswordCheck::Right);
    }

    #[test]
    fn a_pepper_is_named_in_the_hash_and_needed_to_verify_it() {
        let scratch = &mut Scratch::default();
        let password = Secret::new("a password of some length");
        let peppered = hasher(cheap(), &["p1"]);
        let hash = peppered.hash(scratch, &password, SALT).unwrap();
        assert!(hash.contains("keyid="), "{hash}");
        assert_eq!(peppered.verify(scratch, &hash, &password).unwrap(), PasswordCheck::Right);

        let rotated = hasher(cheap(), &["p2", "p1"]);
        assert_eq!(rotated.verify(scratch, &hash, &password).unwrap(), PasswordCheck::RightOutdated);
        let bare = hasher(cheap(), &[]);
        let fault = bare.verify(scratch, &hash, &password).unwrap_err();
        assert_eq!(fault, PasswordFault::UnknownPepper { id: "p1".into() });
        assert_eq!(bare.missing_pepper(&hash).as_deref(), Some("p1"));
        assert_eq!(rotated.missing_pepper(&hash), None);
        assert_ne!(bare.hash(scratch, &password, SALT).unwrap(), hash);
    }

    #[test]
    fn a_hash_of_another_cost_is_right_but_outdated() {
        let scratch = &mut Scratch::default();
        let password = Secret::new("a password of some length");
        let hash = hasher(cheap(), &[]).hash(scratch, &password, SALT).unwrap();
        let dearer = hasher(PasswordCost { memory_kib: 128, ..cheap() }, &[]);
        assert_eq!(dearer.verify(scratch, &hash, &password).unwrap(), PasswordCheck::RightOutdated);
        assert_eq!(dearer.verify(scratch, &hash, &Secret::new("no")).unwrap(), PasswordCheck::Wrong);
    }

    #[test]
    fn costs_and_strings_out_of_bounds_are_refused() {
        let too_dear = PasswordCost { memory_kib: limits::PASSWORD_MEMORY_MAX_KIB + 1, ..cheap() };
        assert_eq!(PasswordHasher::new(too_dear, vec![]).err(), Some(PasswordFault::Cost));
        let none = PasswordCost { passes: 0, ..cheap() };
        assert_eq!(PasswordHasher::new(none, vec![]).err(), Some(PasswordFault::Cost));
        for ids in [&["much too long"][..], &[""], &["a", "a"]] {
            let peppers = ids.iter().map(|id| pepper(id)).collect();
            assert_eq!(PasswordHasher::new(cheap(), peppers).err(), Some(PasswordFault::PepperId));
        }
        let hasher = hasher(cheap(), &[]);
        let scratch = &mut Scratch::default();
        for stored in [
            "",
            "x",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=4294967295,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg",
        ] {
            assert!(hasher.verify(scratch, stored, &Secret::new("x")).is_err(), "{stored}");
        }
    }
}
