//! Signing keys: made on the first start, moved on in time by the rule of `domain/auth/key_rotation.rs`.

use tokio::sync::oneshot;

use super::context::AuthContext;
use crate::{
    config,
    crypto::{
        signing::{SigningKeyFault, SigningKeyPair},
        token::KeySet,
    },
    domain::{
        audit::AuditRecord,
        auth::{
            KeyStage, SigningKey,
            actions::AuthAction,
            key_rotation::{KeyStep, RotationRules, Urgency, rotate},
        },
    },
    persistence::{Store, Tx, TxFault, Write, tables::signing_key},
    types::{Clock, Fault, SigningAlgorithm, Timestamp, id::KeyId},
};

/// Makes the first key if there is none, does what is due, and gives the keys in force. For the start of the process.
/// By a clock that is not to be trusted nothing is due but a first key.
pub async fn prepare(
    store: &Store,
    write: Write,
    settings: &config::TokenConfig,
    clock: &dyn Clock,
) -> Result<KeySet, Fault> {
    let signs = store.read(|view| Ok(signing_key::all(view)?.iter().any(|key| key.stage == KeyStage::Signing)));
    if !signs.await? || clock.trouble().is_none() {
        step(store, write, &settings.into(), Urgency::WhenDue).await?;
    }
    load(store).await
}

/// Takes the steps that `urgency` asks for; AuthActor works with the new keys from then on.
pub(super) async fn advance(context: &AuthContext, write: Write, urgency: Urgency) -> Result<(), Fault> {
    let rules = RotationRules::from(&context.settings.token);
    match step(&context.store, write, &rules, urgency).await? {
        KeyChange::Changed => context.use_keys(load(&context.store).await?),
        KeyChange::Unchanged => {}
    }
    Ok(())
}

/// Puts the stored keys in force if they are others than those in force.
pub(super) async fn reload(context: &AuthContext) -> Result<(), Fault> {
    let (stored, in_force) = (load(&context.store).await?, context.signing());
    // The key that signs is the first of them.
    if stored.jwks() != in_force.jwks() {
        tracing::info!("the signing keys that another process rotated are in force");
        context.use_keys(stored);
    }
    Ok(())
}

/// A key as operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyState {
    /// `kid` in tokens and in the JWKS.
    pub id: KeyId,
    /// What it signs by.
    pub algorithm: SigningAlgorithm,
    /// Where it is in its life.
    pub stage: KeyStage,
    /// When it entered its stage.
    pub since: Timestamp,
}

/// Rotates on an operator's command, on a store that no server has open; gives all keys.
pub async fn rotate_in(
    store: &Store,
    write: Write,
    settings: &config::TokenConfig,
    urgency: Urgency,
) -> Result<Vec<KeyState>, Fault> {
    step(store, write, &settings.into(), urgency).await?;
    states(store).await
}

/// All keys, as operators see them.
pub(super) async fn states(store: &Store) -> Result<Vec<KeyState>, Fault> {
    let keys = store.read(|view| signing_key::all(view)).await?.into_iter();
    let state =
        |key: SigningKey| KeyState { id: key.id, algorithm: key.algorithm, stage: key.stage, since: key.stage_since };
    Ok(keys.map(state).collect())
}

/// What became of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyChange {
    Changed,
    Unchanged,
}

/// Applies the steps that are due.
async fn step(store: &Store, write: Write, rules: &RotationRules, urgency: Urgency) -> Result<KeyChange, Fault> {
    let (now, rules) = (write.stamp.now, *rules);
    let due = store.read(move |view| Ok(rotate(&signing_key::all(view)?, urgency, now, &rules))).await?;
    if due.is_empty() {
        return Ok(KeyChange::Unchanged);
    }
    let candidate = match due.iter().find_map(made_by) {
        Some(algorithm) => Some(make(&write, algorithm).await?),
        None => None,
    };
    store
        .write(write, move |tx| {
            let steps = rotate(&signing_key::all(tx)?, urgency, now, &rules);
            commit(tx, &steps, candidate.as_ref())
        })
        .await
}

/// Changes nothing if other keys became due meanwhile than the one that was made.
fn commit(tx: &mut Tx<'_>, steps: &[KeyStep], candidate: Option<&SigningKey>) -> Result<KeyChange, TxFault> {
    let mut to_make = steps.iter().filter_map(made_by);
    if to_make.any(|algorithm| candidate.is_none_or(|key| key.algorithm != algorithm)) {
        return Ok(KeyChange::Unchanged);
    }
    for step in steps {
        apply(tx, *step, candidate)?;
    }
    tx.audit(AuditRecord::done(AuthAction::RotateKeys, None).detail(format!("steps={}", steps.len())))?;
    Ok(KeyChange::Changed)
}

fn made_by(step: &KeyStep) -> Option<SigningAlgorithm> {
    match step {
        KeyStep::Publish(algorithm) | KeyStep::PublishAndSign(algorithm) => Some(*algorithm),
        KeyStep::Sign(_) | KeyStep::Retire(_) | KeyStep::Remove(_) => None,
    }
}

/// Makes a key pair; takes up to a second for RSA, so it is done on a thread of its own.
async fn make(write: &Write, algorithm: SigningAlgorithm) -> Result<SigningKey, Fault> {
    let now = write.stamp.now;
    let mut random = [0; 10];
    random.copy_from_slice(&write.stamp.seed[..10]);
    let id = KeyId::from(crate::types::id::uuid_v7(now, random));
    let (done, made) = oneshot::channel();
    let thread = std::thread::Builder::new().name("key-maker".to_owned()).spawn(move || {
        let pair = SigningKeyPair::generate(id, algorithm);
        // The receiver is gone if the start was broken off.
        let _ = done.send(pair.and_then(|pair| Ok(pair.to_pkcs8()?.to_vec())));
    });
    thread.map_err(|error| Fault::bug(format!("no thread could be started: {error}")))?;
    let made = made.await.map_err(|_| Fault::bug("a key could not be made"))?;
    let private_der = made.map_err(defect)?;
    Ok(SigningKey { id, algorithm, private_der, stage: KeyStage::Published, created_at: now, stage_since: now })
}

fn apply(tx: &mut Tx<'_>, step: KeyStep, candidate: Option<&SigningKey>) -> Result<(), TxFault> {
    match (step, candidate) {
        (KeyStep::Publish(_), Some(made)) => signing_key::put(tx, made),
        (KeyStep::PublishAndSign(_), Some(made)) => {
            signing_key::put(tx, &SigningKey { stage: KeyStage::Signing, ..made.clone() })
        }
        (KeyStep::Publish(_) | KeyStep::PublishAndSign(_), None) => Ok(()),
        (KeyStep::Sign(id), _) => enter(tx, id, KeyStage::Signing),
        (KeyStep::Retire(id), _) => enter(tx, id, KeyStage::Retiring),
        (KeyStep::Remove(id), _) => signing_key::remove(tx, id),
    }
}

fn enter(tx: &mut Tx<'_>, id: KeyId, stage: KeyStage) -> Result<(), TxFault> {
    let since: Timestamp = tx.now();
    for key in signing_key::all(tx)?.into_iter().filter(|key| key.id == id) {
        signing_key::put(tx, &SigningKey { stage, stage_since: since, ..key })?;
    }
    Ok(())
}

async fn load(store: &Store) -> Result<KeySet, Fault> {
    let stored = store.read(|view| signing_key::all(view)).await?;
    let mut signer = None;
    let mut others = Vec::new();
    for key in &stored {
        let pair = SigningKeyPair::from_pkcs8(key.id, key.algorithm, &key.private_der).map_err(defect)?;
        match key.stage {
            KeyStage::Signing => signer = Some(pair),
            KeyStage::Published | KeyStage::Retiring => others.push(pair.verifying_key().map_err(defect)?),
        }
    }
    let signer = signer.ok_or_else(|| Fault::bug("no signing key is in force"))?;
    KeySet::new(signer, others).map_err(defect)
}

fn defect(fault: SigningKeyFault) -> Fault {
    Fault::bug(fault.to_string())
}
