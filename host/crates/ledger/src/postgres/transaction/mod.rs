//! The writer's transaction, as operations see it.

mod kept;
mod late;
mod news;
mod operation;
mod tx;

pub(crate) use news::Committed;
pub(crate) use operation::Operation;
pub(crate) use tx::Tx;
