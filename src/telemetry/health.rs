//! Whether the services are well (`GET /health`): one line for each child of the root.

use serde::Serialize;
use utoipa::ToSchema;

/// How well something is. Ordered: the worst of several is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// All is well.
    Up,
    /// It works in part, or is being restarted.
    Degraded,
    /// It does not work and nobody restarts it.
    Down,
}

/// One top-level service with all that is below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceHealth {
    /// Its name: its path in the tree.
    pub name: String,
    /// How well it is.
    pub status: HealthStatus,
    /// Which child is not well, and why; empty when it is up.
    pub reasons: Vec<String>,
}

/// All top-level services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthReport {
    /// The worst of the services.
    pub status: HealthStatus,
    /// The services in the order of the tree's start.
    pub services: Vec<ServiceHealth>,
}
