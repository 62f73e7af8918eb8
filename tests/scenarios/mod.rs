//! What a gateway must do, by theme.

mod backlog;
mod batches;
mod clock;
mod commands;
mod crash;
mod dispatch;
mod durability;
mod effects;
mod handlers;
mod ingress;
mod oracles;
mod order;
mod own_provider;
mod pause;
mod powercut;
mod providers;
mod records;
mod reload;
mod replay;
mod responses;
mod retention;
mod roll_back;
mod rotation;
mod sandbox;
mod schedule;
mod soak;
