//! Times of day, as the description of the admin API shows them.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The schema of a [`WallTime`](tollgate_base::time::WallTime): milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub enum Millis {}

impl PartialSchema for Millis {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0))
            .description(Some("Milliseconds since the Unix epoch, UTC."))
            .into()
    }
}

impl ToSchema for Millis {}
