//! What a gateway must do, by theme.

mod commands;
mod crash;
mod dispatch;
mod durability;
mod effects;
mod handlers;
mod ingress;
mod own_provider;
mod powercut;
mod providers;
mod records;
mod reload;
mod responses;
mod retention;
mod rotation;
mod sandbox;
mod schedule;
