//! `majordomo openapi`

use clap::Args;

use super::{CliFailure, CliSettings, Terminal};
use crate::{
    config::Mode,
    http::{
        openapi::{self, Installation},
        route::{Access, Listener},
        routes,
    },
};

/// No arguments: the settings decide the content.
#[derive(Debug, Args)]
pub(super) struct Openapi;

impl Openapi {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let Self = self;
        let config = settings.read(terminal)?.config;
        let is_there = |access| config.mode == Mode::Development || access != Access::Development;
        let routes = routes::table().into_iter().filter(|route| is_there(route.rule.access)).collect();
        let document = openapi::document(routes, &Installation::new(&config, Listener::Public));
        terminal.print(format!("{document:#}\n"))
    }
}
