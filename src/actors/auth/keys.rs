//! Signing keys: generated at the first start, rotated by the rule of `domain/auth/key_rotation.rs`.

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

/// Generates the first key if there is none, takes the due steps, and returns the keys in use. For the start of the
/// process. While the clock is not trusted, only a missing first key is due.
pub async fn prepare(
    store: &Store,
    write: Write,
    settings: &config::TokenConfig,
    clock: &dyn Clock,
) -> Result<KeySet, Fault> {
    let signs = store.read(|view| Ok(signing_key::all(view)?.iter().any(|key| key.stage == KeyStage::Signing)));
    if !signs.await? || clock.may_remove() {
        step(store, write, &settings.into(), Urgency::WhenDue).await?;
    }
    load(store).await
}

/// Takes the steps that `urgency` requires; AuthActor then uses the new keys.
pub(super) async fn advance(context: &AuthContext, write: Write, urgency: Urgency) -> Result<(), Fault> {
    let rules = RotationRules::from(&context.settings.token);
    match step(&context.store, write, &rules, urgency).await? {
        KeyChange::Changed => context.use_keys(load(&context.store).await?),
        KeyChange::Unchanged => {}
    }
    Ok(())
}

/// Uses the stored keys if they differ from those in use.
pub(super) async fn reload(context: &AuthContext) -> Result<(), Fault> {
    let (stored, in_force) = (load(&context.store).await?, context.signing());
    // The signing key is the first of the set, so its change is detected too.
    if stored.jwks() != in_force.jwks() {
        tracing::info!("the signing keys that another process rotated are in use");
        context.use_keys(stored);
    }
    Ok(())
}

/// The public state of a key, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyState {
    /// `kid` in tokens and in the JWKS.
    pub id: KeyId,
    pub algorithm: SigningAlgorithm,
    pub stage: KeyStage,
    /// The start of the stage.
    pub since: Timestamp,
}

/// Rotates the keys of a store that no server has open, on an operator's command; returns all keys.
pub async fn rotate_in(
    store: &Store,
    write: Write,
    settings: &config::TokenConfig,
    urgency: Urgency,
) -> Result<Vec<KeyState>, Fault> {
    step(store, write, &settings.into(), urgency).await?;
    states(store).await
}

/// The public states of all keys.
pub(super) async fn states(store: &Store) -> Result<Vec<KeyState>, Fault> {
    let keys = store.read(|view| signing_key::all(view)).await?.into_iter();
    let state =
        |key: SigningKey| KeyState { id: key.id, algorithm: key.algorithm, stage: key.stage, since: key.stage_since };
    Ok(keys.map(state).collect())
}

/// Whether a step changed the stored keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyChange {
    Changed,
    Unchanged,
}

/// Takes the due steps.
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

/// Takes the steps. Changes nothing if a key of another algorithm than the generated one has become due.
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

/// Generates a key pair on a thread of its own, because RSA takes up to a second.
async fn make(write: &Write, algorithm: SigningAlgorithm) -> Result<SigningKey, Fault> {
    let now = write.stamp.now;
    let mut random = [0; 10];
    random.copy_from_slice(&write.stamp.seed[..10]);
    let id = KeyId::from(crate::types::id::uuid_v7(now, random));
    let (done, made) = oneshot::channel();
    let thread = std::thread::Builder::new().name("key-maker".to_owned()).spawn(move || {
        let pair = SigningKeyPair::generate(id, algorithm);
        // The receiver no longer exists if the start was cancelled.
        let _ = done.send(pair.and_then(|pair| Ok(pair.to_pkcs8()?.to_vec())));
    });
    thread.map_err(|error| Fault::bug(format!("no thread could be started: {error}")))?;
    let made = made.await.map_err(|_| Fault::bug("a signing key could not be generated"))?;
    let private_der = made.map_err(bug)?;
    Ok(SigningKey { id, algorithm, private_der, stage: KeyStage::Published, created_at: now, stage_since: now })
}

fn apply(tx: &mut Tx<'_>, step: KeyStep, candidate: Option<&SigningKey>) -> Result<(), TxFault> {
    match (step, candidate) {
        (KeyStep::Publish(_), Some(made)) => signing_key::put(tx, made),
        (KeyStep::PublishAndSign(_), Some(made)) => {
            signing_key::put(tx, &SigningKey { stage: KeyStage::Signing, ..made.clone() })
        }
        (KeyStep::Publish(_) | KeyStep::PublishAndSign(_), None) => Ok(()),
        (KeyStep::Sign(id), _) => change_stage(tx, id, KeyStage::Signing),
        (KeyStep::Retire(id), _) => change_stage(tx, id, KeyStage::Retiring),
        (KeyStep::Remove(id), _) => signing_key::remove(tx, id),
    }
}

fn change_stage(tx: &mut Tx<'_>, id: KeyId, stage: KeyStage) -> Result<(), TxFault> {
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
        let pair = SigningKeyPair::from_pkcs8(key.id, key.algorithm, &key.private_der).map_err(bug)?;
        match key.stage {
            KeyStage::Signing => signer = Some(pair),
            KeyStage::Published | KeyStage::Retiring => others.push(pair.verifying_key().map_err(bug)?),
        }
    }
    let signer = signer.ok_or_else(|| Fault::bug("the store has no key in the stage `signing`"))?;
    KeySet::new(signer, others).map_err(bug)
}

fn bug(fault: SigningKeyFault) -> Fault {
    Fault::bug(fault.to_string())
}
