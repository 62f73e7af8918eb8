//! Whether a server can have a ledger.

use super::connection::Connection;
use super::error::OpenError;
use super::values::get;

/// The oldest version of PostgreSQL.
const OLDEST: i32 = 150_000;

/// Checks the server and the database.
pub(crate) async fn check(conn: &Connection) -> Result<(), OpenError> {
    let row = conn
        .first(
            "SELECT current_setting('server_version_num')::int, version(),
                 current_setting('server_encoding'), pg_is_in_recovery(),
                 current_setting('synchronous_commit')",
            &[],
        )
        .await?
        .ok_or_else(|| super::error::Fault::Value("no version".into()))?;
    let number: i32 = get(&row, 0)?;
    let version: String = get(&row, 1)?;
    let encoding: String = get(&row, 2)?;
    if version.contains("PGlite") || version.contains("wasm") || version.contains("emscripten") {
        return Err(OpenError::OneSession { found: version });
    }
    if number < OLDEST {
        return Err(OpenError::OldServer { found: version });
    }
    if encoding != "UTF8" {
        return Err(OpenError::Encoding { found: encoding });
    }
    if get(&row, 3)? {
        return Err(OpenError::Standby);
    }
    // A pooler swallows what the session was started with.
    if get::<String>(&row, 4)? != "on" {
        return Err(OpenError::Pooler);
    }
    Ok(())
}
