//! The pages, one file each.

pub(super) mod dead;
pub(super) mod deliveries;
pub(super) mod event;
pub(super) mod events;
pub(super) mod handlers;
mod history;
pub(super) mod manifest;
pub(super) mod outbox;
pub(super) mod overview;
pub(super) mod rejections;
pub(super) mod sources;
mod view;
